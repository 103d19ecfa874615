"""Signed download links: who may fetch which file, and until when.

A link has the shape of the platform's ("OTA updates", 89307): a long query that ends in
`auth_key`. Its last 64 characters are an HMAC over the whole request target before them, so
that an edited link is refused whatever was edited.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

from tools.cloud.identity import Identity

PREFIX = "/ota/"
_MAC_CHARS = 64
# Real links carry a security token and have 700 characters and more.
_TOKEN_BYTES = 360


class BadLink(Exception):
    """A link that is not good; the text says why, without anything secret."""


@dataclass(frozen=True)
class Claim:
    """What a good link allows: one file to one device. Times are in seconds since 1970.

    number: which of the release's files, from 0.
    """

    release: int
    identity: Identity
    issued: float
    expires: float
    number: int = 0


def make(
    key: bytes,
    release: int,
    file_name: str,
    identity: Identity,
    now: float,
    lifetime_s: float,
    number: int = 0,
) -> str:
    """The request target (path and query) of a fresh link."""
    which = f"{release}.{number}" if number else str(release)
    token = base64.urlsafe_b64encode(secrets.token_bytes(_TOKEN_BYTES)).decode()
    head = (
        f"{PREFIX}{which}/{quote(file_name, safe='')}?Expires={int(now + lifetime_s)}"
        f"&issued={now:.3f}&pk={quote(identity.product_key, safe='')}"
        f"&dn={quote(identity.device_name, safe='')}"
        f"&security-token={token}&auth_key={int(now + lifetime_s)}-{secrets.token_hex(8)}-0-"
    )
    return head + _mac(key, head)


def check(key: bytes, target: str, now: float, max_age_s: float | None = None) -> Claim:
    """What the link allows. Raises BadLink for an edited or expired one.

    `max_age_s`, when given, ends links earlier than they say.
    """
    head, mac = target[:-_MAC_CHARS], target[-_MAC_CHARS:]
    if not hmac.compare_digest(mac.encode(), _mac(key, head).encode()):
        raise BadLink("the signature does not fit the link")
    # Not by urlsplit(): it keeps the last 128 links, which are bearer secrets, in a cache.
    path, _, rest = head.partition("?")
    query = dict(parse_qsl(rest))
    release, _, number = path[len(PREFIX) :].partition("/")[0].partition(".")
    claim = Claim(
        int(release),
        Identity(query["pk"], query["dn"]),
        float(query["issued"]),
        float(query["Expires"]),
        int(number or 0),
    )
    if now >= claim.expires or (max_age_s is not None and now - claim.issued >= max_age_s):
        raise BadLink("the link has expired")
    return claim


def _mac(key: bytes, head: str) -> str:
    return hmac.new(key, head.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
