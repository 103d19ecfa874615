"""flash.py check and what flash refuses: each file with its cause and the next step."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from host_tests.kit.firmware_files import app, application, bootloader, merged
from tools.chip import partition_csv, table
from tools.dev import stock
from tools.flash import main
from tools.images import build_image

ROOT = Path(__file__).resolve().parents[2]
TWO_SLOTS = ROOT / "boards" / "ESP32_GENERIC" / "partitions.csv"
ONE_SLOT = "nvs,data,nvs,0x9000,0x4000\notadata,data,ota,0xd000,0x2000\nota_0,app,ota_0,,1M\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every file of these tests by a short name."""
    tmp_path = tmp_path_factory.mktemp("files")
    folder = application(tmp_path / "app")
    contents = {
        "merged": merged(),
        "app": app(),
        "image": build_image(app(), folder, "1.0.0"),
        "old": merged(version="v1.24.1"),
        "c3": merged("ESP32_GENERIC_C3"),
        "c3 image": build_image(app("ESP32_GENERIC_C3"), folder, "1.0.0", chip="esp32c3"),
        "damaged": merged()[:-40],
        "large": app(size=0x1D8010),
        "large merged": merged(size=0x1D8010),
        "bootloader": bootloader(),
        "page": b"<!DOCTYPE html><html>404</html>",
        "empty": b"",
        "noise": bytes(range(200)) * 20,
        "csv": TWO_SLOTS.read_bytes(),
        "one slot": ONE_SLOT.encode(),
        "table": bytes(table.encode(partition_csv.load(TWO_SLOTS))),
    }
    found = {"folder": folder, "missing": tmp_path / "missing.bin"}
    for name, content in contents.items():
        suffix = ".csv" if name in ("csv", "one slot") else ".bin"
        found[name] = tmp_path / (name.replace(" ", "-") + suffix)
        found[name].write_bytes(content)
    # A merged file whose bootloader alone is damaged: app and table look fine.
    broken = bytearray(merged())
    broken[100] ^= 1
    found["broken bootloader"] = tmp_path / "broken.bin"
    found["broken bootloader"].write_bytes(broken)
    return found


def check(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """(exit code, everything that `check` said)."""
    capsys.readouterr()
    code = main(["check", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out + said.err


def test_check_tells_what_a_stock_firmware_is_and_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, said = check(capsys, stock.merged_image().path, "--board", "ESP32_GENERIC")
    assert code == 0
    for line in (
        "merged firmware file (bootloader, partition table and app)",
        "chip         esp32",
        "SHA-256      valid",
        "starts at    0x1000 of the flash",
        "bootloader   valid, set to ",
        "fits         ESP32_GENERIC, 4MB: 258048 bytes of the slot's 1933312 are left",
        "WARNING      the firmware is MicroPython v1.23.0",
        "next         For a board make it of MicroPython v1.25 or newer",
    ):
        assert line in said


@pytest.mark.parametrize(
    ("name", "board", "lines"),
    [
        ("app", "ESP32_GENERIC", ["app image, 65536", "It carries no application"]),
        ("image", "ESP32_GENERIC", ["version      1.0.0", "next         Release it"]),
        ("c3", "ESP32_GENERIC_C3", ["starts at    0x0 of", "--board ESP32_GENERIC_C3"]),
        (
            "c3",
            "ESP32_GENERIC_C3",
            ["next         Put it on a board: flash.py flash --board ESP32_GENERIC_C3"],
        ),
        ("c3", "", ["boards       ESP32_GENERIC_C3: name yours"]),
        ("csv", "ESP32_GENERIC", ["slots        2, images of up to 1933312"]),
        ("table", "", ["slots        2, images of up to 1933312"]),
        ("old", "", ["WARNING      the firmware is MicroPython v1.24.1", "v1.25 or newer"]),
        (
            "old",
            "ESP32_GENERIC",
            ["next         For a board make it of MicroPython v1.25 or newer"],
        ),
    ],
)
def test_check_knows_every_kind_of_sound_file(
    name: str,
    board: str,
    lines: list[str],
    files: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, said = check(capsys, files[name], *(["--board", board] if board else []))
    assert code == 0, said
    for line in lines:
        assert line in said


@pytest.mark.parametrize(
    ("name", "options", "cause", "advice"),
    [
        ("c3", "--board ESP32_GENERIC", "it is for esp32c3, and ESP32_GENERIC has", "Take the"),
        ("c3", "--board ESP32_GENERIC", "has esp32;", "or say --board ESP32_GENERIC_C3 if that"),
        ("old", "--board ESP32_GENERIC_C3", "it is for esp32,", "or say --board ESP32_GENERIC if"),
        ("large", "--board ESP32_GENERIC", "needs a slot of 1937408 bytes", "a smaller appl"),
        ("damaged", "", "truncated", "download or build it again"),
        ("broken bootloader", "", "the firmware's bootloader is damaged", "Take the firmware"),
        ("bootloader", "", "the app description is missing", "micropython.org/download"),
        ("noise", "", "", "look whether it is the file you mean"),
        ("page", "", "is a web page", "micropython.org/download"),
        ("empty", "", "is an empty file", "micropython.org/download"),
        ("missing", "", "missing.bin: No such file", "Correct its name"),
        ("one slot", "", "has one slot (ota_0)", "Use a table of boards/"),
        ("csv", "--board ESP32_GENERIC --flash-size 2MB", "no partition table for 2MB", "4MB"),
        ("app", "--board ESP8266", "there is no board 'ESP8266'", "ESP32_GENERIC_S3"),
    ],
)
def test_check_says_what_is_wrong_with_a_file_and_what_to_do(
    name: str,
    options: str,
    cause: str,
    advice: str,
    files: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, said = check(capsys, files[name], *options.split())
    assert code == 1
    assert cause in said
    assert advice in said
    assert "with --firmware" not in said, "check has no such option"


def test_a_wrong_file_is_never_called_fitting(
    files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("c3", "large"):
        assert "fits  " not in check(capsys, files[name], "--board", "ESP32_GENERIC")[1]


def test_a_damaged_file_is_judged_and_never_ends_in_a_traceback(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = random.Random(4)
    for name in ("merged", "c3", "image", "bootloader", "table", "csv"):
        sound = files[name].read_bytes()
        for _ in range(40):
            data = bytearray(sound[: noise.choice((len(sound), noise.randrange(len(sound))))])
            for _ in range(noise.choice((0, 1, 20))):
                if data:
                    # Mostly near the start, where what steers the parsers is.
                    at = min(int(noise.expovariate(0.02)), len(data) - 1)
                    data[at] = noise.randrange(256)
            file = tmp_path / files[name].name
            file.write_bytes(data)
            code, said = check(capsys, file, "--board", "ESP32_GENERIC")
            assert code in (0, 1)
            assert said.strip()


REFUSED = [
    # Which file is given as what, and what is said.
    (
        "--firmware app --app folder --version 1.0.0",
        "has no bootloader",
        "the merged file (the .b",
    ),
    ("--firmware image --image image", "has no bootloader", "goes to --image"),
    ("--firmware merged --image merged", "and a slot takes an app image", "Give it to --firmware"),
    ("--firmware c3 --app folder --version 1.0.0", "is for esp32c3", "--board ESP32_GENERIC_C3"),
    ("--firmware merged --image c3", "is for esp32c3", "ESP32_GENERIC_C3 if that is your board"),
    (
        "--firmware merged --image large",
        "the slots 1933312: 16 too many",
        "--flash-size, --partitions",
    ),
    ("--firmware large-merged --app folder --version 1.0.0", "the slots 1933312", "Remove "),
    ("--firmware damaged --app folder --version 1.0.0", "is damaged: truncated", "again"),
    ("--firmware broken-bootloader --image image", "bootloader is damaged", "Download the firm"),
    ("--firmware bootloader --image image", "is a bootloader alone", "micropython.org/download"),
    ("--firmware page --image image", "is a web page", "ESP32_GENERIC from micropython.org"),
    ("--firmware merged --image page", "is a web page", "ESP32_GENERIC from micropython.org"),
    ("--firmware missing --image image", "missing.bin: No such file", ""),
    ("--firmware merged --image image --partitions one-slot", "has one slot", "boards/"),
    ("--firmware merged --image image --partitions page", "line 1: cannot read", "five fields"),
    ("--firmware merged --image image --flash-size 32MB", "no partition table for 32MB", "4MB"),
    ("--firmware merged --image image --flash-size 5MB", "no partition table for 5MB", "4MB"),
    ("--image image", "there is no bootloader to write", "--keep-bootloader"),
    ("--app folder --version 1.0.0", "needs the firmware it shall run on", "--firmware"),
    ("--firmware merged --app folder", "--app needs a version", "--version 1.0.0"),
    ("--firmware merged --app folder --version a/b", "'a/b'", "1 to 64 letters"),
    ("--image image --keep-bootloader", "needs a board, and --output has none", "Leave"),
]


@pytest.mark.parametrize(("options", "cause", "advice"), REFUSED, ids=[r[0] for r in REFUSED])
def test_flash_refuses_what_would_not_boot_and_writes_nothing(
    options: str,
    cause: str,
    advice: str,
    files: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    by_name = {name.replace(" ", "-"): path for name, path in files.items()}
    words = [str(by_name.get(word, word)) for word in options.split()]
    out = tmp_path / "flash.bin"
    code = main(["flash", "--board", "ESP32_GENERIC", *words, "--output", str(out)])
    said = capsys.readouterr().err
    assert code == 1
    assert said.startswith("flash: ")
    assert cause in said
    assert advice in said
    assert not out.exists()


@pytest.mark.parametrize("options", ["", "--app a --image b", "--image a --port p --output o"])
def test_options_that_contradict_each_other_are_wrong_usage(options: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["flash", "--board", "ESP32_GENERIC", *options.split()])
    assert ended.value.code == 2


def test_help_lists_the_verbs_and_teaches_by_example(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for arguments, text in (
        (["--help"], "flash.py VERB --help"),
        (["check", "--help"], "flash.py check release-1.1.0.bin --board ESP32_GENERIC"),
        (["flash", "--help"], "flash.py flash --board ESP32_GENERIC --firmware"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        assert text in capsys.readouterr().out
