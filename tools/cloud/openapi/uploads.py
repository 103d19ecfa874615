"""Where a package's files go first: OSS's PostObject, with a policy of one minute.

"GenerateOTAUploadURL" (147310) and "PostObject" of OSS. What was uploaded waits an hour for
CreateOTAFirmware; then it is removed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from tools.cloud.clock import Clock
from tools.cloud.openapi.errors import HttpError
from tools.cloud.openapi.times import seconds, utc

SUFFIXES = ("bin", "dav", "apk", "tar", "gz", "tar.gz", "zip", "gzip")
LINK_S = 60.0
WAITS_S = 3600.0
SIZE_MAX = 1000 * 1024 * 1024
_OWNER = "DESKOSS"


class UploadError(HttpError):
    """An upload that is refused, as OSS says it."""


@dataclass(frozen=True)
class Ticket:
    """What GenerateOTAUploadURL gives out. `signature` is a bearer secret for its minute."""

    host: str
    key: str
    owner: str
    policy: str
    signature: str = field(repr=False)
    created: float = 0.0

    @property
    def url(self) -> str:
        """What CreateOTAFirmware is told."""
        return f"{self.host}/{self.key}"


class Uploads:
    """The bucket. `secret` signs policies."""

    def __init__(self, folder: Path, clock: Clock, secret: bytes) -> None:
        self._folder = folder
        self._clock = clock
        self._secret = secret
        # What a server that was stopped had not made a package of is nobody's any more.
        shutil.rmtree(folder, ignore_errors=True)
        self._there: dict[str, float] = {}  # key -> when it was uploaded

    def ticket(self, host: str, suffix: str) -> Ticket:
        """A place for one file, for a minute."""
        now = self._clock.time()
        key = f"ota/{secrets.token_hex(16)}/{secrets.token_hex(13)}.{suffix}"
        conditions = [["content-length-range", 0, SIZE_MAX], ["eq", "$key", key]]
        policy = base64.b64encode(
            json.dumps({"expiration": utc(now + LINK_S), "conditions": conditions}).encode()
        ).decode()
        return Ticket(host, key, _OWNER, policy, self._sign(policy), now)

    def check(self, fields: dict[str, str], began: float) -> str:
        """The key that these form fields may be uploaded to. Raises UploadError.

        `began` (seconds since 1970): a file that began to come in time may come slowly.
        """
        for name in ("key", "OSSAccessKeyId", "policy", "Signature"):
            if name not in fields:
                raise UploadError(400, "InvalidArgument", f"The form field {name} is missing.")
        policy = fields["policy"]
        if fields["OSSAccessKeyId"] != _OWNER:
            raise UploadError(403, "InvalidAccessKeyId", "The OSS Access Key Id does not exist.")
        if not hmac.compare_digest(fields["Signature"].encode(), self._sign(policy).encode()):
            raise UploadError(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            )
        said = json.loads(base64.b64decode(policy))
        if began >= seconds(said["expiration"]):
            raise UploadError(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
        if ["eq", "$key", fields["key"]] not in said["conditions"]:
            raise UploadError(
                403, "AccessDenied", "Invalid according to Policy: Policy Condition failed: key"
            )
        return fields["key"]

    def put(self, key: str, file: IO[bytes]) -> None:
        """Take a file. Raises UploadError for one that is too large."""
        self._clean()
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            shutil.copyfileobj(file, out, 1024 * 1024)
        if path.stat().st_size > SIZE_MAX:
            path.unlink()
            raise UploadError(
                400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size."
            )
        self._there[key] = self._clock.time()

    def read(self, url: str) -> tuple[str, bytes] | None:
        """(name, content) of what was uploaded there, or None."""
        self._clean()
        key = urlsplit(url).path.lstrip("/")
        if key not in self._there:
            return None
        return key.rpartition("/")[2], self._path(key).read_bytes()

    def done(self, url: str) -> None:
        """A package was made of it."""
        key = urlsplit(url).path.lstrip("/")
        if self._there.pop(key, None) is not None:
            self._path(key).unlink(missing_ok=True)

    def _clean(self) -> None:
        now = self._clock.time()
        for key, when in list(self._there.items()):
            if now - when > WAITS_S:
                del self._there[key]
                self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / hashlib.sha256(key.encode()).hexdigest()

    def _sign(self, policy: str) -> str:
        mac = hmac.new(self._secret, policy.encode(), hashlib.sha1).digest()
        return base64.b64encode(mac).decode()
