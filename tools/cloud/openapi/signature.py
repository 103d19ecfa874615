"""ACS3-HMAC-SHA256: whether a request was signed with the stand-in's key, as it arrived.

"Request syntax and signature method V3" of Alibaba Cloud. The time of a request is held against
the host's clock, not the stand-in's: the SDK knows no other.
"""

from __future__ import annotations

import calendar
import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote

from tools.cloud.openapi.errors import GatewayError
from tools.cloud.openapi.keys import AccessKey

ALGORITHM = "ACS3-HMAC-SHA256"
AGE_S = 15 * 60
_NONCES = 10_000
_SIGNED = (
    "host",
    "x-acs-action",
    "x-acs-content-sha256",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-version",
)
_AUTHORIZATION = re.compile(
    r"ACS3-HMAC-SHA256 Credential=([^,]+),\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})"
)


class Verifier:
    """Checks requests, and remembers their nonces so that none counts twice."""

    def __init__(self, key: AccessKey) -> None:
        self._key = key
        self._nonces: dict[str, float] = {}

    def check(self, method: str, headers: Mapping[str, str], query: str, body: bytes) -> None:
        """Raise GatewayError unless the request is whole, fresh and signed with the key.

        headers: names in lower case; query: as it came, without the question mark.
        """
        match = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if match is None:
            raise GatewayError(
                400, "IncompleteSignature", "The request signature does not conform to standards."
            )
        key_id, names, signature = match.groups()
        if key_id != self._key.id:
            raise GatewayError(
                404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."
            )
        signed = names.split(";")
        if any(name not in signed for name in _SIGNED):
            raise GatewayError(
                400, "IncompleteSignature", "The request signature does not conform to standards."
            )
        digest = hashlib.sha256(body).hexdigest()
        expected = self._signature(method, headers, query, digest, signed)
        if headers.get("x-acs-content-sha256") != digest or not hmac.compare_digest(
            expected, signature
        ):
            raise GatewayError(
                400,
                "SignatureDoesNotMatch",
                "Specified signature is not matched with our calculation.",
            )
        self._fresh(headers["x-acs-date"], headers["x-acs-signature-nonce"])

    def _signature(
        self, method: str, headers: Mapping[str, str], query: str, digest: str, signed: list[str]
    ) -> str:
        pairs = sorted(parse_qsl(query, keep_blank_values=True))
        lines = [
            method,
            "/",
            "&".join(f"{quote(key, safe='~')}={quote(value, safe='~')}" for key, value in pairs),
            *(f"{name}:{headers.get(name, '').strip()}" for name in signed),
            "",
            ";".join(signed),
            digest,
        ]
        text = ALGORITHM + "\n" + hashlib.sha256("\n".join(lines).encode()).hexdigest()
        return hmac.new(self._key.secret.encode(), text.encode(), hashlib.sha256).hexdigest()

    def _fresh(self, date: str, nonce: str) -> None:
        try:
            sent = calendar.timegm(time.strptime(date, "%Y-%m-%dT%H:%M:%SZ"))
        except ValueError:
            raise GatewayError(
                400,
                "InvalidTimeStamp.Format",
                "Specified time stamp or date value is not well formatted.",
            ) from None
        now = time.time()
        if abs(now - sent) > AGE_S:
            raise GatewayError(
                400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."
            )
        if nonce in self._nonces:
            raise GatewayError(
                400, "SignatureNonceUsed", "Specified signature nonce was used already."
            )
        self._nonces[nonce] = now
        # As long as a request may be sent again; in the order in which they came.
        while len(self._nonces) > _NONCES or now - next(iter(self._nonces.values())) > 2 * AGE_S:
            del self._nonces[next(iter(self._nonces))]
