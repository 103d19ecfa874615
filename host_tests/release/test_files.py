"""Archives for a module that is a set of files: the board takes what the tool makes."""

from __future__ import annotations

import hashlib
import io
import random
import tarfile
from pathlib import Path

import pytest

from host_tests.kit.device_process import run_device
from tools.cli import Refused
from tools.image import main
from tools.release import build_archive

# Unpacks argv[1] into ./set and prints what is there: path, length, digest.
# Shows what window is asked for.
WINDOW = """
import deflate
from alink.files import unpack

class Shown:
    GZIP = deflate.GZIP

    def DeflateIO(stream, kind, wbits):
        print("window", wbits)
        return deflate.DeflateIO(stream, kind, wbits)

unpack.keep = True
unpack.deflate = Shown
"""
UNPACK = """
import binascii, hashlib, os, sys
from alink import FilesTarget
target = FilesTarget(os.getcwd() + "/set", wbits=int(sys.argv[2]))
with open(sys.argv[1], "rb") as f:
    body = f.read()
chunk = bytearray(4096)
target.take("1", 0, "", 1)
target.begin(len(body), "md5", b"", chunk)
for at in range(0, len(body), 4096):
    while target.work():
        pass
    piece = body[at:at + 4096]
    chunk[:len(piece)] = piece
    target.write(chunk, len(piece))
while not target.finish():
    pass
target.activate()
def show(path, name):
    for entry in os.ilistdir(path + name):
        inner = name + "/" + entry[0]
        if entry[1] == 0x4000:
            show(path, inner)
        else:
            with open(path + inner, "rb") as f:
                data = f.read()
            print(inner[1:], binascii.hexlify(hashlib.sha256(data).digest()).decode())
show(target.path, "")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    dice = random.Random(1)
    folder = tmp_path / "assets"
    (folder / "web" / "deep").mkdir(parents=True)
    (folder / "web" / "index.html").write_bytes(b"<p>text that repeats itself</p>\n" * 3000)
    (folder / "web" / "deep" / "noise.bin").write_bytes(dice.randbytes(50_000))
    # Words: long Huffman codes and matches from far back.
    words = [dice.randbytes(dice.randrange(2, 9)) for _ in range(700)]
    (folder / "words.bin").write_bytes(b"".join(dice.choices(words, k=20_000)))
    (folder / "empty").write_bytes(b"")
    (folder / "zeros").write_bytes(bytes(5000))
    (folder / ".hidden").write_bytes(b"not for the board")
    return folder


def expected(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.mark.parametrize("wbits", [12, 9, 15])
def test_the_board_unpacks_what_the_tool_makes(folder: Path, tmp_path: Path, wbits: int) -> None:
    out = tmp_path / "assets.tar.gz"
    assert main(["files", "--dir", str(folder), "-o", str(out), "--wbits", str(wbits)]) == 0
    said = run_device(UNPACK, str(out), str(wbits))
    assert dict(line.split() for line in said.splitlines()) == expected(folder)


@pytest.mark.parametrize(("made", "taken"), [(12, 12), (9, 9), (15, 15)])
def test_a_board_takes_no_more_memory_than_the_tools_archive_needs(
    folder: Path, tmp_path: Path, made: int, taken: int
) -> None:
    out = tmp_path / "assets.tar.gz"
    assert main(["files", "--dir", str(folder), "-o", str(out), "--wbits", str(made)]) == 0
    said = run_device(WINDOW + UNPACK, str(out), "15")
    assert said.splitlines()[0] == f"window {taken}"
    assert dict(line.split() for line in said.splitlines()[1:]) == expected(folder)


def test_the_same_files_give_the_same_bytes_and_tar_reads_them(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "assets.tar.gz"
    assert main(["files", "--dir", str(folder), "-o", str(out)]) == 0
    assert f"{out.stat().st_size} bytes, for FilesTarget(.., wbits=12)" in capsys.readouterr().out
    (folder / "empty").touch()  # another time of change
    assert build_archive(folder) == out.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(out.read_bytes())) as archive:
        members = {m.name: m for m in archive.getmembers()}
    assert sorted(members) == sorted(expected(folder))
    assert {m.mtime for m in members.values()} == {0}


def test_what_a_board_would_refuse_is_refused_at_the_desk(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = folder / "link"
    link.symlink_to(folder / "empty")
    assert main(["files", "--dir", str(folder), "-o", str(tmp_path / "x")]) == 1
    assert "not a plain file" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
    link.unlink()
    long = folder / ("n" * 101)
    long.write_bytes(b"")
    with pytest.raises(Refused, match="too long"):
        build_archive(folder)
    long.unlink()
    deep = folder / "a/b/c/d/e/f/g/h/i"
    deep.parent.mkdir(parents=True)
    deep.write_bytes(b"")
    with pytest.raises(Refused, match="too long"):
        build_archive(folder)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(Refused, match="no files"):
        build_archive(tmp_path / "nothing")
