"""The sums of a difference in machine code: for the image's chip, the same as the bytecode's."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from host_tests.kit.device_process import run_device
from host_tests.kit.images import make_image
from tools.images import build_image, find_volume, read_files
from tools.images.application import ALINK, package
from tools.images.features import FEATURES
from tools.images.homes import of
from tools.images.machine import SUMS, SUMS_MODULE, sums

PLACE = f"/{SUMS_MODULE}.mpy"
# As persistentcode.h numbers them, and the sub-version of MicroPython 1.23 to 1.29.
NUMBERS = {"x64": 2, "xtensawin": 10, "rv32imc": 11}
SUB_VERSION = 3

# Both on the same data: any length that a piece may have, any place in what is larger.
COMPARE = """
import os, sys
sys.path.insert(0, sys.argv[1])
from machine_code import add as fast
from bytecode import add as plain

size = 300
for n in range(257):
    for at in (0, 1, n % 7):
        ours, theirs = os.urandom(size), os.urandom(size)
        found = []
        for add in (plain, fast):
            into = bytearray(ours)
            what = bytearray(theirs)
            assert add(memoryview(into)[at:], memoryview(what)[1:257], n) is None
            assert what == theirs
            found.append(into)
        wanted = bytearray(ours)
        for i in range(n):
            wanted[at + i] = (ours[at + i] + theirs[1 + i]) % 256
        assert found[0] == found[1] == wanted, (n, at)
print("the same")
"""


def application(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "main.py").write_text("print('here')\n")
    return folder


def files_of(image: bytes) -> dict[str, bytes]:
    volume = find_volume(image)
    assert volume is not None
    return read_files(image[volume.offset :])


@pytest.mark.parametrize(
    ("chip", "chip_id", "processor"),
    [
        ("esp32", 0, "xtensawin"),
        ("esp32s2", 2, "xtensawin"),
        ("esp32s3", 9, "xtensawin"),
        ("esp32c3", 5, "rv32imc"),
        ("esp32c6", 13, "rv32imc"),
    ],
)
def test_an_image_has_machine_code_for_its_chip_and_bytecode_beside_it(
    chip: str, chip_id: int, processor: str, tmp_path: Path
) -> None:
    firmware = make_image(chip_id=chip_id)
    files = files_of(build_image(firmware, application(tmp_path / "app"), "1.0.0", chip=chip))
    head = files[PLACE][:3]
    assert head == bytes((ord("M"), 6, NUMBERS[processor] << 2 | SUB_VERSION))
    beside = files[f"/{of(ALINK).get(SUMS, SUMS)}.mpy"]
    assert beside[2] >> 2 == 0, "for one processor alone"


def test_what_is_for_any_chip_has_none(tmp_path: Path) -> None:
    assert PLACE not in package(ALINK, FEATURES)
    assert PLACE in package(ALINK, FEATURES, "xtensawin")


def test_another_alink_than_ours_goes_without() -> None:
    assert sums(b"def add(a, b):\n    pass\n", ALINK / "job/add.py", "x64") is None


def test_both_give_the_same_bytes(tmp_path: Path) -> None:
    if platform.machine() != "x86_64":
        pytest.skip("there is no machine code for this desk's processor")
    files = package(ALINK, FEATURES, "x64")
    (tmp_path / "machine_code.mpy").write_bytes(files[PLACE])
    (tmp_path / "bytecode.mpy").write_bytes(files[f"/{of(ALINK).get(SUMS, SUMS)}.mpy"])
    assert "the same" in run_device(COMPARE, str(tmp_path))
