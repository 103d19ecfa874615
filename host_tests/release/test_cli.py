"""The command a person types: what it prints, what it writes, and its exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit.firmware_files import merged
from host_tests.kit.images import make_bootloader, make_image
from tools.dev import stock
from tools.image import main
from tools.images import build_image, find_volume, read_files
from tools.programs import CLOUD, FLASH, IMAGE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "main.py").write_text("print('hello')\n")
    return folder


@pytest.fixture
def release(app: Path) -> bytes:
    return build_image(make_image(), app, "2.0.0")


def inspect(tmp_path: Path, data: bytes, capsys: pytest.CaptureFixture[str]) -> Any:
    """(exit code, the JSON report) for a file of this content."""
    file = tmp_path / "file.bin"
    file.write_bytes(data)
    capsys.readouterr()
    code = main(["inspect", str(file), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_build_and_inspect_work_from_the_shell(app: Path, tmp_path: Path) -> None:
    firmware = tmp_path / "stock.bin"
    firmware.write_bytes(stock.merged_image().data)
    out = tmp_path / "new folder" / "release.bin"
    out.parent.mkdir()
    build = ["build", "--firmware", firmware, "--app", app, "--version", "2.0.0", "-o", out]
    done = run(*build)
    assert done.returncode == 0, done.stderr
    assert "version 2.0.0 for esp32" in done.stdout
    # A pipe gets no spinner and no escape codes; the firmware's age is worth a word.
    assert done.stderr.startswith("warning: the firmware is MicroPython v1.23.0")
    assert done.stderr.count("\n") == 1
    assert [p.name for p in out.parent.iterdir()] == ["release.bin"]
    shown = run("inspect", out)
    assert shown.returncode == 0, shown.stderr
    for line in ("chip         esp32", "SHA-256      valid", "files        valid"):
        assert line in shown.stdout
    assert "app_main.mpy" in shown.stdout
    first = out.read_bytes()
    assert run(*build).returncode == 0
    assert out.read_bytes() == first


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "image.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def test_a_refused_build_leaves_no_file_and_says_why(
    app: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    firmware = tmp_path / "bad.bin"
    firmware.write_bytes(make_image()[:-40])
    out = tmp_path / "release.bin"
    arguments = ["--firmware", str(firmware), "--app", str(app), "--version", "2.0.0"]
    assert main(["build", *arguments, "-o", str(out)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("image: the firmware is not a valid image: truncated")
    assert "Download it again" in said
    assert not out.exists()


def test_a_missing_file_is_named(
    app: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "nowhere.bin"
    assert main(["inspect", str(missing)]) == 1
    said = capsys.readouterr().err
    assert said == f"image: {missing}: No such file or directory. Correct its name.\n"


def test_a_firmware_too_old_for_alink_is_told_alike_wherever_it_is_met(
    app: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("f.bin").write_bytes(merged(version="v1.23.0"))
    build = ["build", "--firmware", "f.bin", "--version", "2.0.0", "-o", "r.bin", "--app"]
    folder = "--folder cloud"
    told = []
    for program, words in (
        (IMAGE, [*build, str(app)]),
        (IMAGE, ["inspect", "f.bin"]),
        (IMAGE, ["inspect", "r.bin"]),
        (IMAGE, ["pack", "r.bin", "-o", "r.alp"]),
        (IMAGE, ["inspect", "r.alp"]),
        (FLASH, ["check", "f.bin"]),
        (FLASH, ["check", "r.bin", "--board", "ESP32_GENERIC"]),
        (
            FLASH,
            [
                "flash",
                "--board",
                "ESP32_GENERIC",
                "--firmware",
                "f.bin",
                "--image",
                "r.bin",
                "--output",
                "o.bin",
            ],
        ),
        (CLOUD, f"release add a1B2c3D4e5F 2.0.0 r.bin {folder}".split()),
        (CLOUD, f"release add b1B2c3D4e5F 2.0.0 r.alp {folder}".split()),
    ):
        assert program.main(words) == 0
        said = capsys.readouterr()
        both = said.out + said.err
        assert "Release it" not in both
        if words[0] != "pack":  # (It says how small the package has become.)
            sentence = re.search(r"the firmware is MicroPython v1\.23\.0 .*", both)
            assert sentence is not None, words
            told.append(sentence[0])
        if words[0] in ("inspect", "check"):
            assert "WARNING      the firmware" in both
            assert "next         For a board make it of MicroPython v1.25 or newer" in both
            assert program.main([*words, "--json"]) == 0
            assert json.loads(capsys.readouterr().out)["warning"] == told[-1]
    assert len(set(told)) == 1
    assert len(told) == 9


@pytest.mark.parametrize(
    ("firmware", "warned"),
    [
        ("v1.18", "is MicroPython v1.18 on"),  # up to v1.19 a version could have two numbers
        ("v1.19", "is MicroPython v1.19 on"),
        ("v1.24.1", "is MicroPython v1.24.1 on"),
        ("v1.25.0-preview.42.g0123456", ""),
        ("v1.27.0", ""),
        ("v2.0", ""),
        (None, "does not say which MicroPython it is"),
    ],
)
def test_a_firmware_without_three_numbers_or_any_is_not_passed_over(
    firmware: str | None,
    warned: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = make_image() if firmware is None else merged(version=firmware)
    assert warned in (inspect(tmp_path, data, capsys)[1]["warning"] or "")
    assert bool(warned) == bool(inspect(tmp_path, data, capsys)[1]["warning"])


def test_a_release_is_described_for_a_program(
    release: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, report = inspect(tmp_path, release, capsys)
    assert code == 0
    assert report["kind"] == "app image with application"
    assert report["chip"] == "esp32"
    assert report["version"] == "2.0.0"
    assert report["checksum_valid"] is report["hash_valid"] is report["files_valid"] is True
    assert report["slot_needed"] == -(-len(release) // 4096) * 4096
    assert "/app_main.mpy" in report["files"]
    assert report["problems"] == []
    volume = find_volume(release)
    assert volume is not None
    assert report["volume"] == vars(volume)
    assert [s["size"] for s in report["segments"]]


@pytest.mark.parametrize("real", [True, False])
def test_a_merged_file_is_explained(
    real: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = stock.merged_image().data if real else stock.synthetic_merged()
    code, report = inspect(tmp_path, data, capsys)
    assert code == 0
    assert report["kind"].startswith("merged firmware file")
    assert report["image_size"] == stock.APP_SIZE
    assert "A board cannot download this form" in report["advice"]


def test_a_stock_app_image_is_told_how_to_get_an_application(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, report = inspect(tmp_path, stock.app_image().data, capsys)
    assert code == 0
    assert (report["kind"], report["version"], report["files"]) == ("app image", None, {})
    assert "image.py build" in report["advice"]


def test_damage_anywhere_in_a_release_is_found(
    release: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    volume = find_volume(release)
    assert volume is not None
    places = {"firmware": 9000, "hash": 65535}
    for path, content in read_files(release[volume.offset :]).items():
        head = content[:60]
        assert release.count(head) == 1, path
        places[path] = release.index(head) + len(head) // 2
    for where, offset in places.items():
        damaged = bytearray(release)
        damaged[offset] ^= 0x10
        code, report = inspect(tmp_path, bytes(damaged), capsys)
        assert code == 1, where
        assert report["problems"], where
        assert "Do not put it on a board" in report["advice"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "too short"),
        (b"#!/bin/sh\n" * 10, "wrong magic byte 0x23"),
        (make_bootloader(), "no application in it"),
        (make_image()[:30000], "truncated"),
        (make_image(segments=17), "17 segments"),
        (make_image(chip_id=77), "unknown chip id 77"),
        (make_image() + b"tail", "4 bytes stand behind the image"),
    ],
)
def test_what_is_no_image_ends_with_an_error(
    content: bytes, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, report = inspect(tmp_path, content, capsys)
    assert code == 1
    assert problem in " ".join(report["problems"])
    assert report["advice"]
    main(["inspect", str(tmp_path / "file.bin")])
    assert "PROBLEM" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"", "It is empty: get it again."),
        (b"\xe9" + bytes(29), "Get it again"),
        (b"x" * 30, "Get"),
    ],
)
def test_a_file_that_is_nothing_yet_is_to_be_got_again(
    content: bytes, advice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, report = inspect(tmp_path, content, capsys)
    assert code == 1
    assert report["advice"].startswith(advice)
    assert "--firmware" not in report["advice"]  # inspect has no such option


def test_a_truncated_release_says_so(
    release: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, report = inspect(tmp_path, release[:-600], capsys)
    assert code == 1
    assert any("the volume is truncated" in problem for problem in report["problems"])


def test_a_flash_read_back_of_a_release_is_sound(
    release: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, report = inspect(tmp_path, release.ljust(0x1D8000, b"\xff"), capsys)
    assert (code, report["version"]) == (0, "2.0.0")


def test_a_release_too_large_for_the_usual_slot_is_pointed_out(
    app: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = build_image(make_image(0x1D8000), app, "2.0.0", slot_size=0x200000)
    code, report = inspect(tmp_path, large, capsys)
    assert code == 0
    assert "larger slot" in report["advice"]
