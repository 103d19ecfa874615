"""Dynamic registration: a device that knows only its product's secret gets its own.

The rules are those of "MQTT-based dynamic registration": a CONNECT over TLS, signed with the
product's secret, is answered with a CONNACK and one message, without a SUBSCRIBE. `register` is
for device names that are listed here and not in use yet, and gives the device's secret; `regnwl`
is for any name, and gives a clientId with a token, up to five times for a name.
"""

from __future__ import annotations

import hmac
import json
import secrets

from tools.cloud.clock import Clock
from tools.cloud.identity import Identity
from tools.cloud.mqtt import packets
from tools.cloud.mqtt.sign_in import REGISTER, BadSignIn, SignIn, check_hex
from tools.cloud.store import CloudStore

TOKENS_PER_NAME = 5
TOPICS = {"register": "/ext/register", "regnwl": "/ext/regnwl"}


def password(secret: str, identity: Identity, random: str, method: str = "sha256") -> str:
    """The password (lower-case hex) that a device with this product secret sends."""
    content = f"deviceName{identity.device_name}productKey{identity.product_key}random{random}"
    return hmac.new(secret.encode(), content.encode(), method).hexdigest()


class Registrar:
    """Answers registrations, and knows the tokens they gave."""

    def __init__(self, store: CloudStore, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    def register(self, claim: SignIn, given: str | None, wrong_code: int) -> tuple[str, bytes]:
        """Check a registration and give (topic, payload) of its answer. Raises BadSignIn."""
        answer = self.answer(claim, given, wrong_code)
        return TOPICS[claim.auth_type], json.dumps(answer, separators=(",", ":")).encode()

    def answer(self, claim: SignIn, given: str | None, wrong_code: int) -> dict[str, str]:
        """Check a registration and give what the device gets. Raises BadSignIn.

        Whatever is wrong, the device sees one code; the console is told which.
        """
        random = claim.parameters.get("random", "")
        if not random:
            raise BadSignIn(packets.BAD_CLIENT_ID, "a registration without random=")
        product = self.store.product(claim.identity.product_key)
        secret = product.secret if product is not None else ""
        expected = password(secret, claim.identity, random, claim.hash_name)
        check_hex(claim, given, expected)
        if product is None:
            raise BadSignIn(wrong_code, "no such product; add it with `product add`")
        if not hmac.compare_digest((given or "").lower(), expected):
            raise BadSignIn(wrong_code, "wrong password: check the product secret")
        if not product.registration:
            raise BadSignIn(wrong_code, "dynamic registration is off for this product")
        identity = claim.identity
        answer = {"productKey": identity.product_key, "deviceName": identity.device_name}
        if claim.auth_type == REGISTER:
            device_secret = self.store.secret(identity)
            if device_secret is None:
                raise BadSignIn(wrong_code, "no such device; add it with `device add`")
            if self.store.activated(identity):
                raise BadSignIn(wrong_code, "the device is in use already: it has its secret")
            answer["deviceSecret"] = device_secret
        else:
            if self.store.tokens(identity) >= TOKENS_PER_NAME:
                raise BadSignIn(wrong_code, f"{TOKENS_PER_NAME} devices have this name already")
            answer["clientId"] = secrets.token_hex(8)
            answer["deviceToken"] = secrets.token_hex(16)
            self.store.add_token(
                identity, answer["clientId"], answer["deviceToken"], self.clock.time()
            )
        return answer

    def check_token(self, claim: SignIn, given: str | None, wrong_code: int) -> None:
        """Check the sign-in of a device that was registered with `regnwl`. Raises BadSignIn."""
        known = self.store.token(claim.identity, claim.client_id)
        if not hmac.compare_digest((given or "").encode(), (known or "").encode()) or not known:
            raise BadSignIn(wrong_code, "wrong clientId or device token: register the device anew")
