"""What an archive of files holds, and whether a board's FilesTarget would take it."""

from __future__ import annotations

import io
import tarfile
import zlib
from dataclasses import dataclass, field

from tools.images.report import ending
from tools.release.archive import DEPTH_MAX, MEMBERS_MAX, NAME_MAX

_GZIP = b"\x1f\x8b"
_TAR_AT, _TAR = 257, b"ustar"
_EXTRA = 4  # a flag of gzip's head: there is an extra field
_UNPACKED_MAX = 64 << 20


@dataclass(frozen=True)
class ArchiveReport:
    """Everything `inspect` tells. `files` maps paths to sizes in bytes; `window` is that of the
    compression in bits, 0 for none, None where the archive does not say: 15 at most then.
    """

    size: int
    window: int | None
    files: dict[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def advice(self) -> str:
        """What to do with it."""
        if self.problems:
            return "Make it again: image.py files --dir FOLDER -o assets.tar.gz."
        return "Offer it as a version of the module that is files, whose device has a FilesTarget."

    def as_json(self) -> dict[str, object]:
        """The same for a program."""
        return {
            "kind": "archive of files",
            "size": self.size,
            "window": self.window,
            "files": self.files,
            "problems": list(self.problems),
            "advice": self.advice,
        }


def is_archive(data: bytes) -> bool:
    """Whether it begins as a tar, compressed by gzip or plain."""
    return data.startswith(_GZIP) or data[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR


def examine_archive(data: bytes) -> ArchiveReport:
    """Look at an archive. Never raises for bad content: see ArchiveReport.problems."""
    window: int | None = 0
    plain = data
    if data.startswith(_GZIP):
        window = _stated(data)
        unpacker = zlib.decompressobj(16 + (window or zlib.MAX_WBITS))
        try:
            plain = unpacker.decompress(data, _UNPACKED_MAX)
        except zlib.error as exc:
            return ArchiveReport(len(data), window, problems=(f"gzip is damaged: {exc}",))
        if not unpacker.eof:
            return ArchiveReport(len(data), window, problems=("gzip: the end is missing",))
    files: dict[str, int] = {}
    problems = []
    try:
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
            for member in archive:
                if member.isdir():
                    continue
                files[member.name] = member.size
                problems += _problems(member)
    except (tarfile.TarError, ValueError, OSError) as exc:
        problems.append(f"it is no tar, or a damaged one: {exc}")
    if len(files) > MEMBERS_MAX:
        problems.append(f"{len(files)} files, and a board takes {MEMBERS_MAX}")
    return ArchiveReport(len(data), window, files, tuple(problems))


def _stated(data: bytes) -> int | None:
    """The window that build_archive states in an extra field."""
    if len(data) > 16 and data[3] & _EXTRA and data[12:14] == b"AL":
        stated = data[16]
        return stated if 9 <= stated <= zlib.MAX_WBITS else None
    return None


def _problems(member: tarfile.TarInfo) -> list[str]:
    name = member.name
    if not member.isfile():
        return [f"{name!a} is no file: a board takes files and folders alone"]
    if name.startswith("/") or ".." in name.split("/"):
        return [f"{name!a} leads out of the folder"]
    if len(name.encode(errors="replace")) > NAME_MAX or name.count("/") >= DEPTH_MAX:
        return [f"the path {name!a} is too long for a board"]
    return []


def archive_text(report: ArchiveReport) -> str:
    """The report for a person, several lines."""
    packed = "plain tar" if report.window == 0 else "gzip tar"
    lines = [f"archive of files ({packed}), {report.size} bytes"]
    if report.window:
        ram = 1 << report.window
        lines.append(f"window       {report.window} bits, {ram} bytes of a board's RAM")
    elif report.window is None:
        lines.append("window       not stated: a board takes 15 bits, 32768 bytes of RAM")
    lines += [f"file         {size:>9}  {path}" for path, size in report.files.items()]
    lines += ending(report.problems, report.advice)
    return "\n".join(lines)
