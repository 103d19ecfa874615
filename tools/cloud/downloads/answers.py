"""Downloads: which answer a request gets, whichever of the two servers sends it.

`web.py` (starlette, uvicorn) sends honest answers; `responder.py` sends those whose bytes a fault
bends. Both ask `Downloads` first, spell their headers alike and close after each answer, so that
a device cannot tell one from the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.cloud import kept_files
from tools.cloud.context import Context, Part
from tools.cloud.downloads import links
from tools.cloud.identity import Identity
from tools.cloud.records import DownloadRequest
from tools.cloud.store import PackageFile, Release

PIECE = 64 * 1024
_RANGE = re.compile(r"bytes=(\d{1,18})?-(\d{1,18})?")


@dataclass
class Answer:
    """A status, the headers in their order, and which bytes of which file follow (none: b"")."""

    status: int
    headers: list[tuple[str, str]]
    record: DownloadRequest
    text: bytes = b""
    path: Path | None = None
    start: int = 0
    length: int = 0

    def pieces(self, size: int = PIECE) -> Iterator[bytes]:
        """The body, in pieces of at most `size` bytes."""
        if self.path is None:
            if self.text:
                yield self.text
            return
        with self.path.open("rb") as file:
            file.seek(self.start)
            left = self.length
            while left > 0 and (piece := file.read(min(size, left))):
                left -= len(piece)
                yield piece


class Downloads(Part):
    """Links and answers. `urls` maps a scheme to where it is served, "https://127.0.0.1:8443"."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.urls: dict[str, str] = {}
        self._key = self.store.link_key()

    def url(
        self, release: Release, identity: Identity, scheme: str = "https", number: int = 0
    ) -> str:
        """A fresh signed link to one of a release's downloads, for one device only."""
        target = links.make(
            self._key,
            release.id,
            release.downloads[number].name,
            identity,
            self.clock.time(),
            self.dialect.link_lifetime_s,
            number,
        )
        return self.urls[scheme] + target

    def answer(self, method: str, target: str, range_header: str | None, scheme: str) -> Answer:
        """Decide, and begin the record of this request."""
        faults = self.faults
        record = DownloadRequest(
            self.clock.time(),
            target.partition("?")[0][:256],
            None,
            0,
            method=method,
            scheme=scheme,
        )
        try:
            claim = links.check(self._key, target, self.clock.time(), faults.expire_after_s)
            release = self.store.release_by_id(claim.release)
            file = release.downloads[claim.number]
        except links.BadLink as exc:
            return self._refuse(record, 403, str(exc))
        except KeyError:
            return self._refuse(record, 404, "no such file")
        record.device, record.file, record.size = str(claim.identity), file.name, file.size
        if method not in ("GET", "HEAD"):
            return self._refuse(record, 405, "GET and HEAD only", [("Allow", "GET, HEAD")])
        if faults.expire_next > 0:
            faults.expire_next -= 1
            return self._refuse(record, 403, "the link has expired (by a fault)")
        if faults.status_next > 0:
            faults.status_next -= 1
            return self._refuse(record, faults.status, "by a fault")
        if faults.redirect_next > 0:
            faults.redirect_next -= 1
            to = faults.redirect_to or self.urls[scheme] + target
            return self._refuse(record, 302, "moved (by a fault)", [("Location", to)])
        path = self.files / file.sha256
        try:
            size = path.stat().st_size
        except FileNotFoundError:  # somebody took it away after the push
            lost = kept_files.gone(self.files, release.version, file)
            self.records.note("warning", claim.identity, str(lost))
            return self._refuse(record, 404, "the file is gone")
        return self._file(record, file, path, size, range_header)

    def _file(
        self,
        record: DownloadRequest,
        file: PackageFile,
        path: Path,
        size: int,
        range_header: str | None,
    ) -> Answer:
        headers = [
            ("Content-Type", "application/octet-stream"),
            ("Accept-Ranges", "bytes"),
            ("ETag", f'"{file.md5.upper()}"'),
        ]
        answer = Answer(200, headers, record, path=path, length=size)
        span = None if self.faults.ignore_range else byte_range(range_header, size)
        if span is not None:
            answer.start, end = span
            record.range_start = answer.start
            if answer.start >= size or end < answer.start:
                return self._refuse(
                    record, 416, "no byte in that range", [("Content-Range", f"bytes */{size}")]
                )
            answer.status, answer.length = 206, end - answer.start + 1
            headers.append(("Content-Range", f"bytes {answer.start}-{end}/{size}"))
        headers.append(("Content-Length", str(answer.length)))
        headers.append(("Connection", "close"))
        if record.method == "HEAD":
            answer.path, answer.length = None, 0
        record.status = answer.status
        self.records.add(self.records.downloads, record)
        return answer

    def _refuse(
        self,
        record: DownloadRequest,
        status: int,
        why: str,
        headers: list[tuple[str, str]] | None = None,
    ) -> Answer:
        text = b"" if record.method == "HEAD" else f"{status}: {why}\n".encode()
        record.status, record.ended = status, "refused"
        self.records.add(self.records.downloads, record)
        self.records.note("download", record.device or "-", f"{record.path}: {status} {why}")
        return Answer(
            status,
            [
                ("Content-Type", "text/plain"),
                *(headers or []),
                ("Content-Length", str(len(text))),
                ("Connection", "close"),
            ],
            record,
            text,
        )

    def sent(self, answer: Answer, count: int) -> None:
        """So many more body bytes went to the socket; those of a refusal's text do not count."""
        if answer.path is not None:
            answer.record.bytes_sent += count
            self.records.changed()

    def ended(self, answer: Answer, how: str) -> None:
        """The answer is over; only the first call counts."""
        record = answer.record
        if not record.ended:
            record.ended = how
            self.records.note(
                "download",
                record.device,
                f"{record.file} from {record.range_start or 0}: {record.status}, "
                f"{record.bytes_sent} bytes, {how}",
            )


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte asked for; None when there is no single, well-formed range (RFC 9110).

    The first byte may lie behind the end of the file: that is answered with 416.
    """
    match = _RANGE.fullmatch((header or "").strip())
    first, last = match.groups() if match is not None else (None, None)
    if first is None and last is None:
        return None
    if first is None:
        count = int(last or 0)
        return (max(0, size - count), size - 1) if count else (size, size)
    if last is not None and int(last) < int(first):
        return None
    return int(first), min(int(last), size - 1) if last is not None else size - 1
