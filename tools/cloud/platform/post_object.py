"""A file's way to OSS: a form as PostObject takes it, sent in pieces, told as it goes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from tools.cli import Refused

SUFFIXES = ("tar.gz", "gz", "gzip", "tar", "zip", "apk", "dav", "bin")
_TIMEOUT_S = 60
_PIECE = 64 * 1024


def suffix_of(path: Path) -> str:
    """The extension that GenerateOTAUploadURL is asked for; "bin" for those it does not have."""
    return next((one for one in SUFFIXES if path.name.lower().endswith(f".{one}")), "bin")


class _Form:
    """A form's bytes: fields, then the file. Read once, from the start; its length is known."""

    def __init__(
        self, fields: dict[str, str], name: str, file: IO[bytes], size: int, boundary: str
    ) -> None:
        head = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
            for key, value in fields.items()
        )
        head += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        self._head = head.encode()
        self._file = file
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._length = len(self._head) + size + len(self._tail)
        self.told: Callable[[int], None] = lambda count: None

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = _PIECE) -> bytes:
        """The next bytes; b"" at the end."""
        if self._head:
            piece, self._head = self._head, b""
            return piece
        piece = self._file.read(min(size, _PIECE) if size >= 0 else _PIECE)
        if piece:
            self.told(len(piece))
            return piece
        piece, self._tail = self._tail, b""
        return piece


def upload(data: dict[str, Any], path: Path, told: Callable[[int], None], *, direct: bool) -> None:
    """Upload a file with what GenerateOTAUploadURL gave; `told` hears of bytes sent.

    direct: past any proxy, which has no way to a stand-in here. Raises Refused.
    """
    import requests

    boundary = secrets.token_hex(16)
    fields = {
        "key": data["Key"],
        "OSSAccessKeyId": data["OSSAccessKeyId"],
        "policy": data["Policy"],
        "Signature": data["Signature"],
        "success_action_status": "200",
    }
    session = requests.Session()
    session.trust_env = not direct
    with path.open("rb") as file:
        form = _Form(fields, "file", file, path.stat().st_size, boundary)
        form.told = told
        try:
            answer = session.post(
                data["Host"],
                data=form,
                headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
                timeout=_TIMEOUT_S,
                allow_redirects=False,
            )
        except requests.RequestException as exc:
            raise Refused(
                f"{path} was not uploaded: {type(exc).__name__}", "Check the network; try again."
            ) from None
    if answer.status_code != 200:
        raise Refused(
            f"{path} was not uploaded: {answer.status_code} {_said(answer.text)}",
            "The place for it lasts a minute: try again, on a faster line if it is large.",
        )


def _said(xml: str) -> str:
    code = xml.partition("<Code>")[2].partition("</Code>")[0]
    message = xml.partition("<Message>")[2].partition("</Message>")[0]
    return f"{code} {message}".strip()[:200]
