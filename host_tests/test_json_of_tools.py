"""`--json` of flash, image and sim: one shape for each verb, as docs/cloud.md tells it."""

from __future__ import annotations

import argparse
import getpass
import io
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit.firmware_files import application, merged
from host_tests.kit.images import make_image
from host_tests.kit.json_page import TABLE, keys
from host_tests.kit.mock_rom import MockRom
from tools.cli import Program
from tools.images import build_image
from tools.images.application import ALINK
from tools.images.homes import of
from tools.programs import FLASH, IMAGE, SIM

CONSOLES = {"flash monitor", "sim run"}


def said(program: Program, capsys: pytest.CaptureFixture[str], *words: object) -> list[Any]:
    """Each line that a command prints."""
    capsys.readouterr()
    assert program.main([*map(str, words), "--json"]) == 0, capsys.readouterr()
    told = capsys.readouterr()
    assert told.out.isascii()
    assert told.err == ""
    return [json.loads(line) for line in told.out.splitlines()]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """One with a secret in it, of which its owner should know."""
    folder = application(tmp_path / "app")
    (folder / "wifi.pem").write_text("secret")
    (folder / ".hidden").write_text("")
    return folder


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    (tmp_path / "f.bin").write_bytes(merged(version="v1.24.0"))
    return tmp_path / "f.bin"


@pytest.mark.parametrize("program", [FLASH, IMAGE, SIM], ids=lambda one: one.name)
def test_every_verb_but_a_console_can_be_read_by_programs_and_is_on_the_page(
    program: Program,
) -> None:
    parser = argparse.ArgumentParser()
    program.fill(parser)
    (verbs,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    for verb in import_module(program.verbs).VERBS:
        has = "--json" in verbs.choices[verb.NAME]._option_string_actions
        title = f"{program.name} {verb.NAME}"
        assert has == (title not in CONSOLES), title
        assert (f"| `{title}`" in TABLE) == has, title


def test_a_build_tells_programs_what_became_of_it_and_what_to_mind(
    tmp_path: Path, app: Path, firmware: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o.bin"
    given = ["--firmware", firmware, "--app", app, "--version", "1.0.0", "-o", out]
    (row,) = said(IMAGE, capsys, "build", *given, "--without", "packages")
    assert row.keys() == keys("image build")
    assert (row["file"], row["size"]) == (str(out), out.stat().st_size)
    assert row["firmware"] + row["application"] == row["size"]
    assert "packages" in row["without"]
    assert [text for text in row["warnings"] if text.startswith("wifi.pem looks like a secret")]
    assert [text for text in row["warnings"] if "1.24.0" in text]
    assert "left out: .hidden" in row["notes"]


def test_flashing_tells_programs_what_lies_where_on_a_board_and_in_a_file(
    tmp_path: Path, app: Path, firmware: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = ["flash", "--board", "ESP32_GENERIC"]
    what = ["--firmware", firmware, "--app", app, "--version", "1.0.0"]
    out = tmp_path / "all.bin"
    (tmp_path / "it.env").write_text(
        "product_key = a1B2c3D4e5F\ndevice_name = north\ndevice_secret = 0123456789abcdef\n"
        "host = 127.0.0.1\n"
    )
    identity = ["--provision", tmp_path / "it.env"]
    (row,) = said(FLASH, capsys, *board, *what, *identity, "--output", out)
    assert row.keys() == keys("flash flash")
    assert (row["file"], row["port"], row["settings"]) == (str(out), None, None)
    assert row["flash_size"] == out.stat().st_size
    assert "0123456789abcdef" not in json.dumps(row)
    assert "device_secret" in row["provisioned"]
    assert [text for text in row["warnings"] if text.startswith("wifi.pem looks like a secret")]
    assert [text for text in row["notes"] if "the settings name no Wi-Fi" in text]
    data = out.read_bytes()
    (slot,) = (one for one in row["regions"] if one["name"] == "slot 0")
    assert data[slot["address"]] == 0xE9
    with MockRom() as there:
        (row,) = said(FLASH, capsys, *board, *what, "--port", there.port)
        assert row.keys() == keys("flash flash")
        assert (row["file"], row["port"], row["settings"]) == (None, there.port, "kept")
        assert row["version"] == "1.0.0"
        assert "flash.py provision" in row["next"]
        written = there.flash[slot["address"] : slot["address"] + slot["size"]]
        assert written == data[slot["address"] : slot["address"] + slot["size"]]


def test_a_question_is_no_part_of_what_a_program_reads(
    tmp_path: Path,
    app: Path,
    firmware: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal("roof\n"))
    monkeypatch.setattr(getpass, "getpass", lambda what: "0123456789abcdef")
    (tmp_path / "half.env").write_text(
        "product_key = a1B2c3D4e5F\ndevice_name = north\nhost = 127.0.0.1\n"
    )
    what = ["--firmware", firmware, "--app", app, "--version", "1.0.0"]
    words = ["flash", "--board", "ESP32_GENERIC", *what, "--provision", tmp_path / "half.env"]
    assert FLASH.main([*map(str, words), "--output", str(tmp_path / "o.bin"), "--json"]) == 0
    told = capsys.readouterr()
    assert "wifi_ssid" in json.loads(told.out)["provisioned"]
    assert told.err == "name of the Wi-Fi: "


def test_a_flash_that_is_refused_is_one_object_for_programs(
    tmp_path: Path, app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["flash", "--board", "ESP32_GENERIC", "--app", str(app), "--version", "1.0.0"]
    assert FLASH.main([*words, "--output", str(tmp_path / "all.bin"), "--json"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert json.loads(told.err).keys() == {"error", "advice"}


def test_packages_archives_and_signatures_are_told_to_programs_as_well(
    tmp_path: Path, app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [tmp_path / f"{version}.bin" for version in ("1.0.0", "1.1.0", "1.2.0")]
    for path in names:
        path.write_bytes(build_image(make_image(65536), app, path.stem))
    old, older, new = names[1], names[0], names[2]
    rows = said(IMAGE, capsys, "pack", new, "--from", old, "--from", older, "-o", tmp_path)
    assert [row["source_version"] for row in rows] == ["1.1.0", "1.0.0"]
    (whole,) = said(IMAGE, capsys, "pack", new, "-o", tmp_path / "whole.alp")
    for row in (*rows, whole):
        assert row.keys() == keys("image pack")
        assert row["size"] == Path(row["file"]).stat().st_size
    (row,) = said(IMAGE, capsys, "files", "--dir", app, "-o", tmp_path / "a.tar.gz")
    assert row.keys() == keys("image files")
    assert row["warnings"]
    (row,) = said(IMAGE, capsys, "sign", "--new-key", tmp_path / "key.pem", new)
    assert row.keys() | row["Md5"].keys() == keys("image sign")
    (alone,) = said(IMAGE, capsys, "sign", "--new-key", tmp_path / "other.pem")
    assert alone.keys() == row.keys() - {"Md5", "SHA256"}
    (row,) = said(IMAGE, capsys, "sign", "--key", tmp_path / "key.pem", new)
    assert row.keys() == {"Md5", "SHA256"}
    (row,) = said(SIM, capsys, "create", tmp_path / "desk.bin", "--image", new)
    assert (row["file"], row["missing"]) == (str(tmp_path / "desk.bin"), [])
    assert row.keys() == keys("sim create")


def test_a_traceback_is_explained_line_by_line_to_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = of(ALINK)["alink/job/run"].replace("/", ".")
    console = f'start\n  File "{packed}", line 1, in any\nno newline'
    (tmp_path / "console.txt").write_text(console)
    rows = said(IMAGE, capsys, "explain", tmp_path / "console.txt")
    assert all(row.keys() == keys("image explain") for row in rows)
    assert [row["explained"] for row in rows] == [False, True, False]
    assert rows[1]["text"] == '  File "alink/job/run.py", in any'
    assert rows[2]["text"] == "no newline"
