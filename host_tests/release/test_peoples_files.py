"""What people's disks hold: text of any encoding, names of any bytes, modules of other boards."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import tarfile
from pathlib import Path

import pytest

from host_tests.kit.firmware_files import merged
from host_tests.kit.images import CHIP_ESP32C3, make_image
from tools.cli import Refused
from tools.images.application import collect, mentioned
from tools.images.build import build_image
from tools.programs import FLASH, IMAGE
from tools.release.archive import build_archive
from tools.release.archive_report import examine_archive
from tools.sim.verbs.create import SETTINGS as OF_SIM
from tools.texts import decoded

MARKED = ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
PROGRAM = "# Gewächshaus 温室\nfrom alink.files import FilesTarget\nprint('°')\n"


@pytest.mark.parametrize("encoding", ["utf-8", *MARKED])
def test_a_program_that_an_editor_saved_its_own_way_is_the_same_program(
    tmp_path: Path, encoding: str
) -> None:
    plain, other = tmp_path / "plain", tmp_path / "other"
    for folder, how in ((plain, "utf-8"), (other, encoding)):
        folder.mkdir()
        (folder / "main.py").write_bytes(PROGRAM.encode(how))
        (folder / "sensor.py").write_bytes(PROGRAM.encode(how))
    assert collect(plain, "1.0.0") == collect(other, "1.0.0")
    # What it needs of alink is seen in it.
    assert mentioned(other) == {"files"}


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"# ok\n# Gew\xe4chshaus\n", "line 2 holds the byte 0xe4"),
        (PROGRAM.encode("gbk", "replace"), "line 1 holds the byte"),
        (b"x = 1\ny = '\0'\n", "line 2 holds a NUL"),
        (b"\xff\xfex", "line 1"),
    ],
)
def test_what_is_no_text_is_told_by_file_and_line(tmp_path: Path, data: bytes, place: str) -> None:
    (tmp_path / "main.py").write_bytes(data)
    for what in (lambda: mentioned(tmp_path), lambda: collect(tmp_path, "1.0.0")):
        with pytest.raises(Refused, match=r"main\.py is") as refused:
            what()
        assert place in refused.value.cause
        assert refused.value.advice == "Save it as UTF-8."


@pytest.mark.parametrize("encoding", ["utf-8", *MARKED])
def test_text_in_any_form_is_read_and_its_mark_is_no_part_of_it(encoding: str) -> None:
    assert decoded("device_name = 温室\r\n".encode(encoding), "x") == "device_name = 温室\r\n"
    assert decoded("".encode(encoding), "x") == ""


@pytest.mark.parametrize("name", [b"r\xe9sum\xe9.txt", b"a\nb.txt", b"a\x1b[2J.txt"])
def test_a_name_that_is_no_text_is_refused_in_words(tmp_path: Path, name: bytes) -> None:
    (tmp_path / "main.py").write_text("pass\n")
    with open(os.fsencode(tmp_path) + b"/" + name, "wb") as out:
        out.write(b"x")
    for what in (lambda: collect(tmp_path, "1.0.0"), lambda: build_archive(tmp_path)):
        with pytest.raises(Refused, match="whose name is no plain text") as refused:
            what()
        told = str(refused.value)
        assert told.isascii()
        assert told.isprintable()


def mpy(architecture: int) -> bytes:
    """The head of a compiled module with machine code for this processor."""
    return b"M\x06" + bytes([architecture << 2 | 3, 31]) + bytes(8)


@pytest.mark.parametrize(
    ("number", "esp32", "c3"),
    [(0, True, True), (10, True, False), (11, False, True), (7, False, False), (9, False, False)],
)
def test_a_compiled_module_for_another_processor_does_not_reach_a_board(
    tmp_path: Path, number: int, esp32: bool, c3: bool
) -> None:
    (tmp_path / "main.py").write_text("import fast\n")
    (tmp_path / "fast.mpy").write_bytes(mpy(number))
    images = (("esp32", esp32, make_image(65536)), ("esp32c3", c3, _c3()))
    for chip, fits, firmware in images:
        if fits:
            build_image(firmware, tmp_path, "1.0.0", chip=chip)
        else:
            with pytest.raises(Refused, match=r"fast\.mpy is machine code for"):
                build_image(firmware, tmp_path, "1.0.0", chip=chip)


def _c3() -> bytes:
    return make_image(65536, chip_id=CHIP_ESP32C3)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("requests.py", "requests.py takes the place of the firmware's requests, for alink"),
        ("lib/umqtt/simple.py", "lib/umqtt/ takes the place of the firmware's umqtt"),
        ("lib/time.py", "lib/time.py takes the place of the firmware's time"),
        ("math.py", "math.py will never be imported"),
        ("sensor.py", None),
        ("requests.txt", None),
    ],
)
def test_a_module_that_hides_one_of_the_firmwares_is_refused_by_name_unless_it_is_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str, told: str | None
) -> None:
    app = tmp_path / "app"
    (app / path).parent.mkdir(parents=True)
    (app / "main.py").write_text("pass\n")
    (app / path).write_text("pass\n")
    (tmp_path / "f.bin").write_bytes(merged())
    out = tmp_path / "o.bin"
    given = ["--firmware", str(tmp_path / "f.bin"), "--app", str(app), "--version", "1.0.0"]
    for program, words in (
        (IMAGE, ["build", *given, "-o", str(out)]),
        (FLASH, ["flash", "--board", "ESP32_GENERIC", *given, "--output", str(out)]),
    ):
        if told:
            assert program.main(words) == 1
            said = capsys.readouterr().err
            assert told in said
            hides = re.search(r"If it is meant to be there, add (--hides \w+)\.$", said.strip())
            assert hides
            assert not out.exists()
            words += hides[1].split()
        assert program.main(words) == 0, capsys.readouterr().err
        assert out.exists()
        out.unlink()
        assert program.main([*words, "--hides", "nosuchmodule"]) == 1
        assert "--hides nosuchmodule: the application has no module" in capsys.readouterr().err
        assert not out.exists()


def test_a_module_that_hides_one_of_the_firmwares_is_not_deployed_unless_it_is_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "main.py").write_text("pass\n")
    (tmp_path / "requests.py").write_text("pass\n")
    words = ["deploy", str(tmp_path), "--port", str(tmp_path / "no-board")]
    assert FLASH.main(words) == 1
    said = capsys.readouterr().err
    assert "requests.py takes the place of the firmware's requests" in said
    assert "add --hides requests." in said
    assert FLASH.main([*words, "--hides", "requests"]) == 1
    assert "no-board" in capsys.readouterr().err  # it went on to the board, which is not there
    assert FLASH.main([*words, "--hides", "requests", "--hides", "json"]) == 1
    assert "--hides json: the application has no module" in capsys.readouterr().err
    assert FLASH.main(["deploy", "--off", "--hides", "requests", *words[2:]]) == 1
    assert "or --off alone" in capsys.readouterr().err


def test_the_settings_of_a_board_on_the_desk_are_those_of_a_board() -> None:
    from tools.flashing.settings import REGISTERED, SETTINGS

    assert sorted(OF_SIM) == sorted((*SETTINGS, *REGISTERED))


@pytest.mark.parametrize("name", ["assets.zip", "assets.tar", "assets.7z", "assets.BIN"])
def test_an_archive_is_not_named_as_what_it_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "index.html").write_text("<p>")
    files = ["files", "--dir", str(tmp_path / "web"), "-o"]
    assert IMAGE.main([*files, str(tmp_path / name)]) == 1
    assert "Call it assets.tar.gz." in capsys.readouterr().err
    assert not (tmp_path / name).exists()
    for good in ("assets.tar.gz", "assets.tgz", "assets"):
        assert IMAGE.main([*files, str(tmp_path / good)]) == 0


def test_an_archive_of_ones_own_can_be_looked_into(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "index.html").write_text("<p>" * 500)
    data = build_archive(tmp_path / "web", 10)
    path = tmp_path / "assets.tar.gz"
    path.write_bytes(data)
    assert IMAGE.main(["inspect", str(path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"archive of files (gzip tar), {len(data)} bytes\n")
    assert "window       10 bits, 1024 bytes of a board's RAM" in said
    assert "file              1500  index.html" in said
    assert IMAGE.main(["inspect", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == {"index.html": 1500}
    for spoiled in (data[:-20], data[:40] + bytes(20) + data[60:], gzip.compress(b"no tar" * 200)):
        path.write_bytes(spoiled)
        assert IMAGE.main(["inspect", str(path)]) == 1
        assert "PROBLEM" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("../boot.py", tarfile.REGTYPE, "leads out"),
        ("/boot.py", tarfile.REGTYPE, "leads out"),
        ("link", tarfile.SYMTYPE, "is no file"),
        ("a/" * 9 + "b", tarfile.REGTYPE, "too long"),
    ],
)
def test_an_archive_that_a_board_would_refuse_is_told_on_the_desk(
    name: str, kind: bytes, told: str
) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.type = kind
        archive.addfile(member)
    report = examine_archive(out.getvalue())
    assert len(report.problems) == 1
    assert told in report.problems[0]
