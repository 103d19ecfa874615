"""Building: what comes out, that it comes out the same twice, and what is refused with advice."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from host_tests.kit.images import CHIP_ESP32C3, make_bootloader, make_image
from tools.chip.header import parse_image
from tools.cli import Refused
from tools.dev import stock
from tools.images import build_image, find_volume, read_files, read_version
from tools.images.homes import of
from tools.images.machine import PACKETS_BYTECODE, SUMS_MODULE
from tools.images.volume import BLOCK_SIZES, exact_volume, make_volume

FIRMWARE = make_image()


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A small application: main, a module, a package in lib, data."""
    folder = tmp_path / "app"
    files = {
        "main.py": "import sensors\nfrom version import VERSION\nprint('main', VERSION)\n",
        "sensors.py": "def read():\n    return 21\n",
        "lib/driver/__init__.py": "NAME = 'driver'\n",
        "data/table.json": '{"a": 1}\n',
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture(scope="module")
def alink(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stand-in for the package, so that most tests compile little."""
    folder = tmp_path_factory.mktemp("alink")
    (folder / "__init__.py").write_text("class Device:\n    pass\n")
    return folder


class Build(Protocol):
    """build_image() with everything but the interesting part filled in."""

    def __call__(self, firmware: bytes = ..., version: str = ..., **options: Any) -> bytes: ...


@pytest.fixture
def build(app: Path, alink: Path) -> Build:
    def call(firmware: bytes = FIRMWARE, version: str = "1.1.0", **options: Any) -> bytes:
        return build_image(firmware, options.pop("app", app), version, alink=alink, **options)

    return call


@pytest.fixture
def made(build: Build) -> bytes:
    return build()


def test_every_file_of_the_application_is_in_the_image(app: Path) -> None:
    made = build_image(FIRMWARE, app, "1.1.0")
    volume = find_volume(made)
    assert volume is not None
    files = read_files(made[volume.offset :])
    own = {path for path in files if not path.startswith("/alink/")}
    assert own == {
        "/app_end.mpy",
        "/app_main.mpy",
        "/boot.py.z",
        "/data/table.json",
        "/lib/driver/__init__.mpy",
        "/main.py",
        "/sensors.mpy",
        "/version.py",
    }
    assert files["/data/table.json"] == (app / "data" / "table.json").read_bytes()
    assert files["/version.py"].startswith(b'VERSION = "1.1.0"\n')
    alink = Path(__file__).parents[2] / "micropython" / "alink"
    assert zlib.decompress(files["/boot.py.z"]) == (alink.parent / "boot.py").read_bytes()
    # The package with its folders, less what the application does not mention, and the empty
    # __init__.py that only other tools need.
    moved = of(alink)
    modules = {f"alink/{path.relative_to(alink).with_suffix('')}" for path in alink.rglob("*.py")}
    everything = {f"/{moved.get(module, module)}.mpy" for module in modules}
    left = everything - set(files)
    assert {path for path in left if not path.endswith("/__init__.mpy")} == {
        path
        for path in everything
        if path.startswith(("/alink/files/", "/alink/aio.", "/alink/job/http.mpy"))
        or path.endswith(("/registration.mpy", "/job/download.mpy"))
    }
    beside = {f"/{SUMS_MODULE}.mpy", f"/{PACKETS_BYTECODE}.mpy"}
    assert set(files) - own - everything == beside, "there as machine code and as bytecode"
    # Tracebacks on a board name the source by short names, never by this machine's folders.
    assert b"app/sensors.py" in files["/sensors.mpy"]
    assert not any(str(app).encode() in content for content in files.values())


def test_a_device_finds_the_volume_where_the_contract_says(made: bytes) -> None:
    end = parse_image(made).end
    start = -(-end // 4096) * 4096
    assert made[end:start] == b"\xff" * (start - end)
    assert made[start + 8 : start + 16] == b"littlefs"
    version, block_size, block_count = struct.unpack_from("<III", made, start + 20)
    assert (version, block_size) == (0x00020000, 512)
    assert start + block_size * block_count == len(made)


def test_the_same_inputs_give_the_same_bytes(app: Path, tmp_path: Path, build: Build) -> None:
    first = build()
    elsewhere = tmp_path / "other" / "place"
    for path in sorted(app.rglob("*"), reverse=True):
        if path.is_file():
            copy = elsewhere / path.relative_to(app)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    assert build(app=elsewhere) == first
    assert build(version="1.1.1") != first


def test_a_merged_file_and_its_app_part_give_the_same_image(build: Build) -> None:
    merged, part = stock.merged_image().data, stock.app_image().data
    image = build(part)
    assert build(merged) == image
    assert image.startswith(part)


def test_a_release_can_be_the_firmware_of_the_next_one(made: bytes, build: Build) -> None:
    assert build(made, "1.2.0") == build(version="1.2.0")


def test_the_version_is_read_back(made: bytes, build: Build) -> None:
    assert read_version(made) == "1.1.0"
    longest = "A-z_0." + "9" * 58
    assert read_version(build(version=longest)) == longest
    assert read_version(make_image()) is None
    assert read_version(made[:-4096]) is None
    assert read_version(b"") is None


def test_hidden_files_and_caches_stay_out(app: Path, build: Build) -> None:
    before = build()
    (app / ".git").mkdir()
    (app / ".git" / "config").write_text("secret")
    (app / "__pycache__").mkdir()
    (app / "__pycache__" / "main.cpython-311.pyc").write_bytes(b"x")
    assert build() == before


Spoil = Callable[[Path], object]

REFUSED: dict[str, tuple[Spoil, str, str]] = {
    "no main.py": (
        lambda app: (app / "main.py").unlink(),
        "there is no main.py",
        "Put the program",
    ),
    "own version.py": (
        lambda app: (app / "version.py").write_text("VERSION = '2'\n"),
        "version.py cannot be part",
        "written from --version",
    ),
    "own app_main.py": (
        lambda app: (app / "app_main.py").write_text(""),
        "app_main.py cannot be part",
        "rename this file",
    ),
    "own main.mpy": (
        lambda app: (app / "main.mpy").write_bytes(b"M\x06"),
        "main.mpy cannot be part",
        "keep your program in main.py",
    ),
    "own boot.py": (
        lambda app: (app / "boot.py").write_text(""),
        "boot.py cannot be part",
        "put start-up code in main.py",
    ),
    "own alink": (
        lambda app: (app / "lib" / "alink.py").write_text(""),
        "would hide the alink package",
        "remove your copy",
    ),
    "module twice": (
        lambda app: (app / "sensors.mpy").write_bytes(b"M\x06\x00\x1f"),
        "both become /sensors.mpy",
        "Keep either",
    ),
    "foreign .mpy": (
        lambda app: (app / "old.mpy").write_bytes(b"M\x05\x00\x1f"),
        "not a .mpy file of version 6",
        "give the .py instead",
    ),
    "linked folder": (
        lambda app: (app / "more").symlink_to(app / "lib"),
        "is a link to a folder",
        "Copy the folder's files",
    ),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_an_application_that_cannot_work_is_refused_with_advice(
    case: str, app: Path, build: Build
) -> None:
    spoil, cause, advice = REFUSED[case]
    spoil(app)
    with pytest.raises(Refused) as refused:
        build()
    assert cause in refused.value.cause
    assert advice in refused.value.advice


def test_a_syntax_error_is_shown_with_file_and_line(app: Path, build: Build) -> None:
    (app / "sensors.py").write_text("x = 1\ndef read(:\n    pass\n")
    with pytest.raises(Refused) as refused:
        build()
    assert f'File "{app}/sensors.py", line 2' in refused.value.cause
    assert "SyntaxError: invalid syntax" in refused.value.cause


@pytest.mark.parametrize("version", ["", "1 0", "1.0/2", "v" * 65, "1.0\n", "ü"])
def test_a_version_the_platform_refuses_is_refused_here(version: str, build: Build) -> None:
    with pytest.raises(Refused, match="not one the platform takes"):
        build(version=version)


def test_an_image_larger_than_the_slot_says_by_how_much(made: bytes, build: Build) -> None:
    needed = -(-len(made) // 4096) * 4096
    assert build(slot_size=needed) == made
    with pytest.raises(Refused) as refused:
        build(slot_size=needed - 4096)
    assert f"the image needs {needed} bytes" in refused.value.cause
    assert refused.value.advice.startswith("Remove 4096 bytes")
    assert "--slot-size" in refused.value.advice


def test_a_firmware_that_no_board_would_start_is_refused(build: Build) -> None:
    good = FIRMWARE
    cases = {
        "wrong SHA-256": good[:-1] + bytes([good[-1] ^ 1]),
        "truncated": good[:-100],
        "wrong magic": b"\x7fELF" + good[4:],
        "not an application": make_bootloader(),
        "for esp32c3, not for esp32": make_image(chip_id=CHIP_ESP32C3),
        "secure boot signature": good.ljust(-(-len(good) // 4096) * 4096, b"\xff") + b"\xe7\x02",
    }
    for cause, firmware in cases.items():
        with pytest.raises(Refused, match=re.escape(cause)):
            build(firmware)
    with pytest.raises(Refused, match=r"unknown chip 'esp8266'. Use one of: esp32, "):
        build(good, chip="esp8266")


def test_a_merged_file_without_an_app_is_refused(app: Path, build: Build) -> None:
    merged = stock.synthetic_merged()
    with pytest.raises(Refused, match="no app image at any of them"):
        build(merged[: stock.APP_OFFSET])


@pytest.mark.parametrize("block_size", BLOCK_SIZES)
def test_a_volume_is_as_small_as_its_files_allow(block_size: int) -> None:
    files = {
        "/empty": b"",
        "/tiny.txt": b"x",
        "/lib/pkg/deep/er/module.mpy": bytes(range(256)) * 9,
        **{f"/alink/m{n:02}.mpy": bytes([n]) * (n * 700) for n in range(14)},
    }
    volume = make_volume(files, block_size)
    assert read_files(volume) == files
    assert make_volume(dict(reversed(files.items())), block_size) == volume
    # Every block is in use, and LittleFS itself needs as many or more (unless a block holds
    # several of the files).
    blocks = [volume[at : at + block_size] for at in range(0, len(volume), block_size)]
    assert all(block.strip(b"\xff") for block in blocks)
    if block_size <= 1024:
        assert exact_volume(files, block_size, len(blocks) - 1) is None


def test_an_unusual_block_size_is_refused(build: Build) -> None:
    with pytest.raises(Refused, match=r"block size 500 is not offered. Use one of 256, "):
        build(block_size=500)


@pytest.mark.parametrize(("block_size", "longest"), [(256, 64), (512, 128), (1024, 255)])
def test_a_file_name_that_does_not_fit_a_block_is_refused(block_size: int, longest: int) -> None:
    files = {f"/{n:02}{'n' * (longest - 2)}": b"x" * n * 10 for n in range(30)}
    assert read_files(make_volume(files, block_size)) == files
    with pytest.raises(Refused, match=f"has more than {longest} bytes") as refused:
        make_volume({**files, "/lib/" + "n" * (longest + 1) + "/x": b""}, block_size)
    assert "Shorten it" in refused.value.advice
