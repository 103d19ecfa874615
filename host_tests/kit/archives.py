"""Archives of files for the tests of modules, good ones and hostile ones."""

from __future__ import annotations

import io
import tarfile
import zlib


def tar(files: dict[str, bytes], *more: tarfile.TarInfo) -> bytes:
    """A ustar archive of these files (path -> content); `more` are members without content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in more:
            archive.addfile(member)
    return out.getvalue()


def gzip(data: bytes, wbits: int = 12) -> bytes:
    """The data, compressed with a window of 2 ** wbits bytes."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 16 + wbits)
    return compressor.compress(data) + compressor.flush()


def targz(files: dict[str, bytes]) -> bytes:
    """Such an archive as tools/image.py makes it."""
    return gzip(tar(files))


def link(path: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    """A link from `path` to `to`, for tar()."""
    member = tarfile.TarInfo(path)
    member.type, member.linkname = kind, to
    return member
