"""Archives into FilesTarget: what it takes, CPython's tarfile reads as the same files."""

from __future__ import annotations

import gzip as gz
import hashlib
import io
import posixpath
import tarfile
import zlib
from typing import Any

from hypothesis import strategies as st

from host_tests.kit import archives
from host_tests.long.fuzz import on_device
from host_tests.long.fuzz.inputs import examples, filler, mutated
from host_tests.long.fuzz.target import Outcome, Progress

_HEAP_KIB = 2048  # an input may have 200 KB, and is there as a whole

_names = st.one_of(
    st.sampled_from(["a", "b", "web/index.html", "web/a", "./c", "deep/er/and/er", "n" * 100]),
    st.sampled_from(["/a", "../a", "a/../../b", "a//b", "a/", "web", "", ".", "a\nb"]),
)
_contents = st.one_of(
    st.binary(max_size=40),
    st.builds(filler, st.integers(0, 9), st.sampled_from([511, 512, 513, 5000, 20000])),
    st.builds(bytes, st.sampled_from([512, 1024, 30000, 200000])),
)
_kinds = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, b"x", b"L", b"7"]


@st.composite
def _archive(draw: st.DrawFn) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for _ in range(draw(st.integers(0, 4))):
            member = tarfile.TarInfo(draw(_names))
            content = draw(_contents)
            member.size = len(content)
            if draw(st.integers(0, 9)) == 0:
                member.type, member.linkname, member.size = draw(st.sampled_from(_kinds)), "a", 0
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


_plain = st.one_of(_archive(), mutated(_archive()))
_bodies = st.one_of(
    _plain,
    st.builds(archives.gzip, _plain, st.sampled_from([9, 12, 12, 15])),
    mutated(st.builds(archives.gzip, _archive())),
    st.binary(min_size=1, max_size=600),
).filter(len)


def read(body: bytes) -> dict[str, str]:
    """path -> SHA-256 of every file, as tarfile reads it. Raises what gzip and tarfile raise."""
    data = gz.decompress(body) if body[:2] == b"\x1f\x8b" else body
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isreg() else None
            if file is not None:
                path = posixpath.normpath(member.name)
                found[path] = hashlib.sha256(file.read()).hexdigest()
    return found


def run(seed: int, count: int, progress: Progress) -> Outcome:
    """What is taken is what tarfile reads; everything else is refused and changes nothing."""
    inputs = examples(_bodies, seed, count)
    taken = 0

    def judge(index: int, files: Any) -> str | None:
        nonlocal taken
        if files is None:
            return None
        taken += 1
        try:
            wanted = read(inputs[index])
        except (tarfile.TarError, OSError, EOFError, zlib.error) as exc:
            return f"taken, and tarfile says: {exc}"
        return None if dict(files) == wanted else f"taken: {files}, read by tarfile: {wanted}"

    outcome = on_device.run("fuzz_files.py", inputs, progress, heap_kib=_HEAP_KIB, judge=judge)
    outcome.figures["taken"] = str(taken)
    return outcome
