"""A session whose packets machine code takes apart, as on an ESP32, is the same session."""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.kit import compiled_tree
from host_tests.kit.device_file import DeviceInterpreter
from host_tests.kit.device_process import DeviceFailed, run_device
from tools.images.application import ALINK
from tools.images.compile import compile_mpy
from tools.images.machine import PACKETS, PACKETS_BYTECODE, packets

HERE = Path(__file__).parent
FILES = (
    "t_block_faults",
    "t_blocks",
    "t_device_memory",
    "t_device_messages",
    "t_device_noise",
    "t_device_sending",
    "t_device_sign_in",
    "t_stream",
)

WHICH = """
import sys
from alink import session
print([name for name in ("alink.bytecode", "alink.packets") if name in sys.modules])
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package, as compiled for the other tests, but as in an ESP32's image."""
    if platform.machine() != "x86_64":
        pytest.skip("there is no machine code for this desk's processor")
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(compiled_tree.place(ALINK), folder / "alink")
    source = ALINK.parent / f"{PACKETS}.py"
    place = folder / f"{PACKETS}.mpy"
    place.rename(folder / f"{PACKETS_BYTECODE}.mpy")
    place.write_bytes(packets(source.read_bytes(), "alink.packets", source, "x64"))
    return folder


@pytest.fixture(scope="module", params=FILES)
def device_file(
    request: pytest.FixtureRequest, package: Path
) -> Iterator[tuple[Path, DeviceInterpreter]]:
    path = HERE / f"{request.param}.py"
    one = DeviceInterpreter(path, [package])
    yield path, one
    one.close()


def test_a_board_takes_machine_code_where_there_is_some(package: Path) -> None:
    assert run_device(WHICH, first=[package]).strip() == "['alink.packets']"


@pytest.mark.parametrize("head", [b"M\x05", b"M\x06\x2b", b"M\x06\x09"])
def test_a_board_that_cannot_take_it_goes_on_with_the_bytecode(
    package: Path, head: bytes, tmp_path: Path
) -> None:
    """For another processor (a C3's here), or another version of .mpy, as after a new firmware."""
    shutil.copytree(package / "alink", tmp_path / "alink")
    place = tmp_path / f"{PACKETS}.mpy"
    place.write_bytes(head + place.read_bytes()[len(head) :])
    assert run_device(WHICH, first=[tmp_path]).strip() == "['alink.bytecode']"


def test_want_of_memory_is_not_told_as_a_missing_module(tmp_path: Path) -> None:
    """Where there is no machine code, there is nothing to fall back to either."""
    shutil.copytree(compiled_tree.place(ALINK), tmp_path / "alink")
    short = compile_mpy(b"raise MemoryError", "alink.packets", Path("packets.py"))
    (tmp_path / f"{PACKETS}.mpy").write_bytes(short)
    with pytest.raises(DeviceFailed) as failed:
        run_device(WHICH, first=[tmp_path])
    assert str(failed.value).rstrip().endswith("MemoryError:")


def test_everything_of_a_session_is_the_same_in_machine_code(
    device_file: tuple[Path, DeviceInterpreter],
) -> None:
    path, one = device_file
    failed = []
    names = re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert names
    for name in names:
        try:
            one.run(name)
        except DeviceFailed as e:
            failed.append(f"{name}: {e}")
    assert not failed, "\n".join(failed)
