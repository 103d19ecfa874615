"""image.py pack and inspect: what a person types, reads and gets."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit.images import CHIP_ESP32C3, make_bootloader, make_image
from tools.image import main
from tools.images import build_image
from tools.release.pack import blocks, compress, difference
from tools.release.package_format import HEAD_SIZE, read_head
from tools.release.package_report import PackageReport, examine_package, package_text
from tools.release.unpacking import unpack

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Three releases of one application."""
    app = tmp_path_factory.mktemp("app")
    made = {}
    for version in ("1.0.0", "1.1.0", "1.1.1"):
        (app / "main.py").write_text(f"print('this is {version[:3]}')\n")
        made[version] = build_image(make_image(), app, version)
    return made


@pytest.fixture
def folder(releases: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the releases in it."""
    for version, data in releases.items():
        (tmp_path / f"r-{version}.bin").write_bytes(data)
    (tmp_path / "main.py").write_text("print('no image')\n")
    (tmp_path / "packages").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def image(version: str) -> bytes:
    return Path(f"r-{version}.bin").read_bytes()


def pack(*arguments: str) -> int:
    return main(["pack", "r-1.1.1.bin", *arguments])


def inspect(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    capsys.readouterr()
    code = main(["inspect", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_release_is_packed_and_told_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pack("-o", "r.alp", "--window", "10") == 0
    package = Path("r.alp").read_bytes()
    assert unpack(package) == image("1.1.1")
    share = 100 * len(package) / len(image("1.1.1"))
    assert capsys.readouterr().out == (
        f"r.alp: {len(package):,} bytes, {share:.1f} % of the image\n"
    )
    code, found = inspect("r.alp", capsys=capsys)
    assert code == 0
    assert found["package"] == "compressed image"
    assert found["window_bits"] == 10
    assert (found["version"], found["chip"]) == ("1.1.1", "esp32")
    assert found["saved"] == len(image("1.1.1")) - len(package)


def test_a_difference_is_made_for_each_older_release(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pack("--from", "r-1.1.0.bin", "--from", "r-1.0.0.bin", "-o", "packages") == 0
    names = [f"r-1.1.1-from-{version}.alp" for version in ("1.1.0", "1.0.0")]
    assert {path.name for path in Path("packages").iterdir()} == set(names)
    for name, version in zip(names, ("1.1.0", "1.0.0"), strict=True):
        package = (Path("packages") / name).read_bytes()
        assert unpack(package, image(version)) == image("1.1.1")
        assert len(package) <= 1024
    assert f"; 1 of {blocks(image('1.1.1'))} blocks differ\n" in capsys.readouterr().out
    # The same without a folder: their names come of the one that is given.
    assert pack("--from", "r-1.1.0.bin", "--from", "r-1.0.0.bin", "-o", "new.pkg") == 0
    assert Path("new-from-1.1.0.pkg").read_bytes() == (Path("packages") / names[0]).read_bytes()
    assert pack("--from", "r-1.1.0.bin", "-o", "one.alp") == 0
    assert Path("one.alp").is_file()


def test_inspect_tells_what_a_difference_does(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack("--from", "r-1.1.0.bin", "-o", "d.alp")
    code, found = inspect("d.alp", capsys=capsys)
    assert code == 0
    assert not found["unpacked"]
    assert "--from OLD.bin" in found["advice"]
    assert found["source_sha256"] == read_head(Path("d.alp").read_bytes()).source_sha256.hex()
    code, found = inspect("d.alp", "--from", "r-1.1.0.bin", capsys=capsys)
    assert code == 0
    assert (found["version"], found["source_version"]) == ("1.1.1", "1.1.0")
    assert 0 < found["blocks_that_differ"] <= found["blocks"] == blocks(image("1.1.1"))
    main(["inspect", "d.alp", "--from", "r-1.1.0.bin"])
    said = capsys.readouterr().out
    for line in (
        "package (difference)",
        "version      1.1.1, from 1.1.0",
        f"of {found['blocks']} differ",
    ):
        assert line in said


def test_a_package_that_saves_nothing_is_told_so() -> None:
    noise = hashlib.shake_256(b"noise").digest(4096)
    told = package_text(PackageReport(4300, read_head(compress(noise))))
    assert "nothing: 204 bytes more than the image, it is 105.0 % of the image" in told


def test_a_folder_that_is_not_there_is_not_taken_for_the_beginning_of_a_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(one.name for one in folder.iterdir())
    both = ("--from", "r-1.1.0.bin", "--from", "r-1.0.0.bin")
    assert main(["pack", "r-1.1.1.bin", *both, "-o", "new folder"]) == 1
    said = capsys.readouterr().err
    assert "there is no folder new folder, and for several packages it has to be one. " in said
    assert "mkdir 'new folder'" in said
    for words in (
        ("pack", "r-1.1.1.bin", *both),
        ("pack", "r-1.1.1.bin"),
        ("files", "--dir", "packages"),
        ("build", "--firmware", "r-1.1.0.bin", "--app", ".", "--version", "1"),
    ):
        with pytest.raises(SystemExit):
            main([*words, "-o", "new/"])
        assert "there is no folder new/: make it first" in capsys.readouterr().err
    assert sorted(one.name for one in folder.iterdir()) == before
    assert main(["pack", "r-1.1.1.bin", *both, "-o", "packages/"]) == 0
    assert all(one.suffix == ".alp" for one in (folder / "packages").iterdir())


def test_damage_of_a_difference_is_found_without_its_source(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack("--from", "r-1.1.0.bin", "-o", "d.alp")
    whole = Path("d.alp").read_bytes()
    capsys.readouterr()
    assert main(["inspect", "d.alp"]) == 0
    said = capsys.readouterr().out
    assert "not checked without its source" in said
    assert "PROBLEM" not in said
    inflated = zlib.decompress(whole[HEAD_SIZE:])
    for bit in range(8 * HEAD_SIZE, 8 * len(whole)):
        broken = bytearray(whole)
        broken[bit // 8] ^= 1 << bit % 8
        report = examine_package(bytes(broken))
        said = package_text(report)
        assert ("PROBLEM" in said) is bool(report.problems)
        assert ("not checked without its source" in said) is not bool(report.problems)
        if not report.problems:  # zlib fills the last byte of its data with bits that say nothing
            assert zlib.decompress(broken[HEAD_SIZE:]) == inflated, bit
    broken = bytearray(whole)
    broken[100] ^= 8
    Path("d.alp").write_bytes(broken)
    assert main(["inspect", "d.alp"]) == 1
    assert "PROBLEM" in capsys.readouterr().out


def test_inspect_finds_a_package_that_a_board_would_refuse(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack("--from", "r-1.1.0.bin", "-o", "d.alp")
    code, found = inspect("d.alp", "--from", "r-1.0.0.bin", capsys=capsys)
    assert code == 1
    assert found["problems"] == ["this difference starts from another image"]
    Path("cut.alp").write_bytes(Path("d.alp").read_bytes()[:-3])
    code, found = inspect("cut.alp", "--from", "r-1.1.0.bin", capsys=capsys)
    assert code == 1
    assert found["problems"] == ["its stream is damaged: it ends early"]
    # Neither its size nor its head's sizes are to be reckoned with.
    assert found["saved"] is found["share"] is found["blocks_that_differ"] is None
    assert main(["inspect", "cut.alp", "--from", "r-1.1.0.bin"]) == 1
    assert "saves" not in capsys.readouterr().out
    # A sound package of something that is no image.
    Path("no-image.alp").write_bytes(difference(b"no image", image("1.1.0")))
    code, found = inspect("no-image.alp", "--from", "r-1.1.0.bin", capsys=capsys)
    assert code == 1
    assert "not an image" in found["problems"][0]
    assert main(["inspect", "no-image.alp"]) == 0  # what it holds cannot be seen
    assert main(["inspect", "r-1.1.1.bin", "--from", "r-1.1.0.bin"]) == 1
    assert "--from is for packages" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("--from", "r-1.1.1.bin", "-o", "d.alp"), "r-1.1.1.bin is the same image"),
        (("--from", "r.alp", "-o", "d.alp"), "r.alp is a package already"),
        (("--from", "main.py", "-o", "d.alp"), "main.py is not an image"),
        (("--from", "c3.bin", "-o", "d.alp"), "for esp32, its source for esp32c3"),
        (("--from", "boot.bin", "-o", "d.alp"), "boot.bin is not an image for a board"),
        (("--from", "r-1.1.0.bin", "-o", "r-1.1.0.bin"), "r-1.1.0.bin is also what is read"),
        (("--from", "r-1.1.0.bin", "-o", "no/d.alp"), "there is no folder no"),
        (("--from", "nothing.bin", "-o", "d.alp"), "nothing.bin: No such file"),
        (
            ("--from", "r-1.1.0.bin", "--from", "copy.bin", "-o", "packages"),
            "two sources are called 1.1.0",
        ),
        (("-o", "r-1.1.1.bin"), "r-1.1.1.bin is also what is read"),
    ],
)
def test_a_refused_pack_writes_nothing_and_says_why(
    folder: Path, arguments: tuple[str, ...], cause: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pack("-o", "r.alp")
    Path("c3.bin").write_bytes(make_image(chip_id=CHIP_ESP32C3))
    Path("boot.bin").write_bytes(make_bootloader())
    Path("copy.bin").write_bytes(image("1.1.0") + b"\xff")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert pack(*arguments) == 1
    told = capsys.readouterr()
    assert told.err.startswith("image: ")
    assert cause in told.err
    assert told.out == ""
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_package_is_signed_like_any_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack("-o", "r.alp")
    main(["sign", "--new-key", "key.pem"])
    capsys.readouterr()
    assert main(["sign", "--key", "key.pem", "r.alp", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["SHA256"]["digestsign"]) == 344


def test_pack_works_from_the_shell_without_a_bar_in_a_pipe(folder: Path) -> None:
    command = [sys.executable, str(ROOT / "tools" / "image.py"), "pack", "r-1.1.1.bin"]
    done = subprocess.run(
        [*command, "--from", "r-1.1.0.bin", "-o", "d.alp"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.startswith("d.alp: ")
