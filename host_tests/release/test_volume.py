"""The volume: small, read in few calls, and LittleFS as anybody's LittleFS reads it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from littlefs import LittleFS, UserContext

from host_tests.kit.device_process import run_device
from host_tests.kit.rig import Rig, app
from host_tests.kit.volume_reads import READS, counting
from tools.chip.header import round_up
from tools.images.application import ALINK, LOADER, collect
from tools.images.build import SLOT_SIZE
from tools.images.compile import compile_mpy
from tools.images.homes import of
from tools.images.littlefs import INLINE_MAX, packed_volume
from tools.images.machine import PACKETS, PACKETS_BYTECODE
from tools.images.volume import BLOCK_SIZE, BLOCK_SIZES, DEVICE_CACHE, make_volume, read_files

# Mounts the volume of argv[1] as boot.py does; what is read or imported is in argv[2].
MOUNT = """
import os, struct, sys, vfs
volume = open(sys.argv[1], "rb")
with open(sys.argv[2]) as f:
    names = f.read().split()
volume.seek(24)
block, count = struct.unpack("<II", volume.read(8))
reads = 0
class Volume:
    def readblocks(self, n, buf, offset=0):
        global reads
        reads += 1
        volume.seek(n * block + offset)
        volume.readinto(buf)
    def writeblocks(self, n, buf, offset=0):
        raise OSError(30)
    def ioctl(self, op, arg):
        return count if op == 4 else block if op == 5 else 0
import machine, network, esp32, socket, time, requests, ntptime, umqtt.simple  # C, or frozen
vfs.mount(vfs.VfsLfs2(Volume(), readsize=min(block, 512), lookahead=8), "/app", readonly=True)
os.chdir("/app")
sys.path[0] = ""
counts = []
"""
IMPORT = """
for one in names:
    module = __import__(one, None, None, ("x",), 0)
    place = module.__file__
    assert "/app/" in place or "/.alink/" in place or place[0] != "/", place
    counts.append(reads)
print(*counts)
"""
READ = """
for one in names:
    before = reads
    with open(one, "rb") as file:
        while file.read(128):
            pass
    counts.append(reads - before)
print(*counts)
"""

MPY = compile_mpy(b"x = 1\n", "x", Path("x.py"))


def modules_of(*folders: str) -> list[str]:
    """The modules of these folders of the package, as they are imported."""
    found = []
    for folder in folders:
        for path in sorted((ALINK / folder).glob("*.py")):
            if path.stem != "__init__":
                found.append(".".join(("alink", *path.relative_to(ALINK).with_suffix("").parts)))
    return found


def reads(tmp_path: Path, volume: bytes, names: Sequence[str], then: str = IMPORT) -> list[int]:
    """For each name how often the volume was read until it was imported, or read."""
    (tmp_path / "volume.bin").write_bytes(volume)
    (tmp_path / "names.txt").write_text("\n".join(names))
    said = run_device(MOUNT + then, str(tmp_path / "volume.bin"), str(tmp_path / "names.txt"))
    return [int(count) for count in said.splitlines()[-1].split()]


@pytest.fixture
def application(tmp_path: Path) -> dict[str, bytes]:
    """The files of the volume of an application that does nothing."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "main.py").write_text("from alink import Device, Updater, trial\n")
    return collect(folder, "1.0.0", chip="esp32")


def test_a_board_is_signed_in_after_a_thousand_reads_of_its_volume(
    application: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = app(loop=f"device.connected and print('reads', {READS})")
    with Rig(tmp_path) as rig:
        rig.board.install_file("/boot.py", counting(LOADER.read_bytes()))
        # (A board of the sim would read the head of an ESP32's machine code, and then bytecode.)
        with monkeypatch.context() as patch:
            patch.setattr("tools.images.machine._APART", ())
            rig.start("1.0.0", source)
        rig.wait_count("reads ", 2)
        said = rig.board.console_text().partition("reads ")[2]
    places = (f"{of(ALINK)[PACKETS]}.mpy", f"{PACKETS_BYTECODE}.mpy")
    code, bytecode = reads(tmp_path, make_volume(application), places, READ)
    # A hundred less than the limit: what is in the sim from the start (time, socket, machine) is
    # on a chip looked for in the volume first, at each import.
    assert int(said.split()[0]) + code - bytecode <= 900


def test_all_that_an_idle_board_holds_and_a_sign_in_takes_a_thousand_reads(
    application: dict[str, bytes], tmp_path: Path
) -> None:
    modules = [
        name
        for name in modules_of("", "signin")
        if f"/{name.replace('.', '/')}.mpy" in application
    ]
    count = reads(tmp_path, make_volume(application), modules)[-1]
    print(count, "reads for", len(modules), "modules")
    assert count <= 1000


def test_a_small_module_takes_two_dozen_reads(tmp_path: Path) -> None:
    small = {f"/{place}{name}.mpy": MPY for place in ("", "n/", "n/m/") for name in "abcdefgh"}
    volume = make_volume(small)

    def one_more(module: str) -> int:
        first = module[:-1] + "a"
        before, after = reads(tmp_path, volume, [first, module])
        return after - before

    assert one_more("b") <= 14
    assert one_more("n.b") <= 22
    assert one_more("n.m.b") <= 30


def test_an_application_has_90_kb_of_flash_behind_a_stock_firmware(
    application: dict[str, bytes],
) -> None:
    firmware = 1_698_016  # MicroPython 1.27.0 for ESP32_GENERIC
    volume = make_volume(application)
    left = SLOT_SIZE - round_up(firmware) - len(volume)
    package = sum(len(file) for path, file in application.items() if path.startswith("/alink/"))
    print(f"{len(volume)} bytes of volume, {package} of them the package; {left} are left")
    assert left >= 90 * 1024
    # What LittleFS adds: half a block for each file, and the directories.
    files = sum(map(len, application.values()))
    assert len(volume) - files <= (BLOCK_SIZE // 2 + 48) * len(application) + 8 * BLOCK_SIZE


def test_a_name_that_another_begins_with_is_found_where_a_directory_is_split() -> None:
    files = {f"/{letter}{'n' * n}": b"" for letter in "abc" for n in range(20)}
    volume = packed_volume(files, 256)
    assert read_files(volume) == dict(sorted(files.items()))


def test_a_directory_of_any_size_and_depth_reads_back() -> None:
    dice = random.Random(7)
    sizes = (0, 1, INLINE_MAX, INLINE_MAX + 1, 200, 511, 512, 513, 5000)
    for block_size in BLOCK_SIZES:
        for count in (0, 1, 7, 60, 300):
            files = {}
            for n in range(count):
                name = f"{'d/' * (n % 5)}{dice.randbytes(dice.randrange(1, 20)).hex()}-{n}"
                files[f"/{name}"] = dice.randbytes(dice.choice(sizes))
            volume = packed_volume(files, block_size)
            assert read_files(volume) == dict(sorted(files.items()))


def test_long_files_are_chained_as_littlefs_does_it() -> None:
    files = {"/long": random.Random(3).randbytes(300_000)}
    for block_size in BLOCK_SIZES:
        volume = packed_volume(files, block_size)
        assert read_files(volume) == files
        # From anywhere in it: the pointers that only a seek uses.
        fs = LittleFS(
            context=UserContext(buffer=bytearray(volume)),
            block_size=block_size,
            block_count=len(volume) // block_size,
            disk_version=0x00020000,
        )
        with fs.open("/long", "rb") as file:
            for at in (299_999, 0, 150_000, 4095, 70_000, 256):
                file.seek(at)
                assert file.read(300) == files["/long"][at : at + 300]


def test_no_file_is_inline_and_too_long_for_a_devices_cache() -> None:
    assert INLINE_MAX <= DEVICE_CACHE


def test_the_count_of_reads_finds_its_place_in_boot_py() -> None:
    counted = counting(LOADER.read_bytes()).decode()
    assert counted.count(READS) == 1
    compile(counted, "boot.py", "exec")
    with pytest.raises(ValueError, match="in another way"):
        counting(b"import vfs\n")
