"""Signing in: what a CONNECT says about a device, and whether its password proves it.

The rules are those of "Establish MQTT connections over TCP" (73742): the client ID carries a
list of parameters between two bars, the user name is `deviceName&productKey`, the password is
the hex HMAC of the submitted parameters, sorted by name and joined without separators.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass

from tools.cloud.identity import Identity
from tools.cloud.mqtt import packets

# deviceSecret as an HMAC key; the method's name is the one on the wire.
METHODS = {"hmacmd5": "md5", "hmacsha1": "sha1", "hmacsha256": "sha256"}

KEEPALIVE_MIN_S, KEEPALIVE_MAX_S = 30, 1200
CLIENT_ID_CHARS = 64
SECURE_TLS, SECURE_PLAIN = 2, 3

# authType -> the securemodes it may come with, over TLS only. Absent: a device with a secret.
REGISTER, REGISTER_ANY, TOKEN = "register", "regnwl", "connwl"
_AUTH_TYPES = {REGISTER: ("2",), REGISTER_ANY: ("2", "-2"), TOKEN: ("-2",)}


class BadSignIn(Exception):
    """A CONNECT that is not accepted: the CONNACK code, and the reason for the console."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class SignIn:
    """What a CONNECT claims, before its password was checked."""

    identity: Identity
    client_id: str
    method: str
    timestamp: str | None
    auto_subscribe: bool
    parameters: dict[str, str]
    auth_type: str = ""

    @property
    def registers(self) -> bool:
        """True for a device that asks for its secret instead of signing in."""
        return self.auth_type in (REGISTER, REGISTER_ANY)

    @property
    def proof(self) -> str:
        """What the device proves with who it is: its method, or the token it was given."""
        return "device token" if self.auth_type == TOKEN else self.method

    @property
    def hash_name(self) -> str:
        """The method as hashlib calls it."""
        return METHODS[self.method]


def parse_client_id(text: str) -> tuple[str, dict[str, str]]:
    """The bare client ID and the parameters between the bars.

    The list is unordered and tolerant: unknown keys stay, empty items (doubled commas) are
    skipped, as the reference clients need it. Raises BadSignIn (2) for a text without bars.
    """
    parts = text.split("|")
    if len(parts) != 3 or parts[2]:
        raise BadSignIn(
            packets.BAD_CLIENT_ID,
            "the client ID has no parameter list: it must look like cid|securemode=2,...|",
        )
    parameters: dict[str, str] = {}
    for item in parts[1].split(","):
        key, equals, value = item.strip().partition("=")
        if key and equals:
            parameters[key] = value
    return parts[0], parameters


def string_to_sign(client_id: str, identity: Identity, timestamp: str | None) -> str:
    """The signed text: sorted names, each followed by its value. `timestamp` only if given."""
    text = f"clientId{client_id}deviceName{identity.device_name}productKey{identity.product_key}"
    return text if timestamp is None else f"{text}timestamp{timestamp}"


def password(
    secret: str, client_id: str, identity: Identity, timestamp: str | None, method: str
) -> str:
    """The password (lower-case hex) that a device with this secret sends."""
    content = string_to_sign(client_id, identity, timestamp)
    return hmac.new(secret.encode(), content.encode(), METHODS[method]).hexdigest()


def read(connect: packets.Connect, *, tls: bool) -> SignIn:
    """Check the form of a CONNECT and give what it claims. Raises BadSignIn.

    `tls` tells which listener took the connection; `securemode` has to agree with it.
    """
    if not connect.spoken:
        raise BadSignIn(
            packets.BAD_PROTOCOL, f"MQTT protocol level {connect.level}; use 4 (MQTT 3.1.1)"
        )
    if connect.will:
        raise BadSignIn(packets.BAD_CLIENT_ID, "a will, which the platform does not support")
    if not KEEPALIVE_MIN_S <= connect.keepalive <= KEEPALIVE_MAX_S:
        raise BadSignIn(
            packets.BAD_CLIENT_ID,
            f"keep alive {connect.keepalive} s; it must be {KEEPALIVE_MIN_S} to "
            f"{KEEPALIVE_MAX_S} s",
        )
    client_id, parameters = parse_client_id(connect.client_id)
    if not 1 <= len(client_id) <= CLIENT_ID_CHARS:
        raise BadSignIn(
            packets.BAD_CLIENT_ID,
            f"a client ID of {len(client_id)} characters before the bar; 1 to "
            f"{CLIENT_ID_CHARS} are allowed",
        )
    auth_type = parameters.get("authType", "")
    _check_mode(parameters.get("securemode"), auth_type, tls)
    method = parameters.get("signmethod", "hmacmd5").lower()
    if method not in METHODS:
        raise BadSignIn(packets.BAD_CLIENT_ID, "an unknown signmethod; use " + ", ".join(METHODS))
    name, ampersand, product_key = (connect.user_name or "").rpartition("&")
    if not (name and ampersand and product_key):
        raise BadSignIn(
            packets.BAD_CREDENTIALS, "the user name is not of the form deviceName&productKey"
        )
    return SignIn(
        Identity(product_key, name),
        client_id,
        method,
        parameters.get("timestamp"),
        parameters.get("_ss") == "1",
        parameters,
        auth_type,
    )


def _check_mode(mode: str | None, auth_type: str, tls: bool) -> None:
    if not auth_type:
        wanted: tuple[str, ...] = (str(SECURE_TLS if tls else SECURE_PLAIN),)
    elif auth_type not in _AUTH_TYPES:
        raise BadSignIn(
            packets.BAD_CLIENT_ID, f"an unknown authType; use {', '.join(_AUTH_TYPES)}"
        )
    elif not tls:
        raise BadSignIn(packets.BAD_CLIENT_ID, f"authType={auth_type} on the plain port; use TLS")
    else:
        wanted = _AUTH_TYPES[auth_type]
    if mode not in wanted:
        raise BadSignIn(
            packets.BAD_CLIENT_ID,
            f"securemode={mode} on the {'TLS' if tls else 'plain'} "
            f"port, which needs securemode={' or '.join(wanted)}",
        )


def check_hex(sign_in: SignIn, given: str | None, expected: str) -> None:
    """Refuse (4) a password that is no digest at all."""
    if given is None or not re.fullmatch(f"[0-9A-Fa-f]{{{len(expected)}}}", given):
        raise BadSignIn(
            packets.BAD_CREDENTIALS,
            f"the password is not {len(expected)} hex characters, as {sign_in.method} has",
        )


def verify(sign_in: SignIn, given: str | None, secret: str | None, wrong_code: int) -> None:
    """Check the password `given` against the device's `secret` (None: no such device).

    Raises BadSignIn: 4 for a text that is no digest at all, `wrong_code` (the documents leave open
    whether it is 4 or 5) for a wrong digest and for an unknown device alike, so that a stranger
    does not learn which devices exist. The console is told which of them it was.
    """
    expected = password(
        secret or "", sign_in.client_id, sign_in.identity, sign_in.timestamp, sign_in.method
    )
    check_hex(sign_in, given, expected)
    if not hmac.compare_digest((given or "").lower(), expected) or secret is None:
        raise BadSignIn(
            wrong_code,
            "no such device; add it with `device add`"
            if secret is None
            else "wrong password: check the device secret, the signmethod and whether the "
            "timestamp is both sent and signed",
        )
