"""The tables of boards/: by ESP-IDF's own rules, and with room for a stock image and alink."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from esp_idf_defs.partitions import PartitionTable
from esptool.targets import CHIP_DEFS

from tools.chip import partition_csv
from tools.chip import table as binary
from tools.chip.boards import FOLDER, BoardType, FlashTable, boards
from tools.chip.chips import chip_by_name
from tools.chip.layout import load_layout
from tools.cli import Refused
from tools.dev import stock
from tools.images import build_image
from tools.images.build import SLOT_SIZE

ROOT = Path(__file__).resolve().parents[2]
TABLES = [
    pytest.param(board, table, id=f"{board.name}-{table.flash}")
    for board in boards().values()
    for table in board.tables
]
# The least that the stock images of a chip leave room for alink and an application in.
LEAST_SLOT = 0x1D8000


@pytest.mark.parametrize(("board", "table"), TABLES)
def test_esp_idf_takes_the_table_and_both_parsers_read_the_same(
    board: BoardType, table: FlashTable
) -> None:
    text = table.csv.read_text()
    theirs = PartitionTable.from_csv(text)
    theirs.verify(0x8000)
    theirs.verify_size_fits(table.flash_size)
    ours = partition_csv.from_csv(text)
    assert [(p.name, p.type, p.subtype, p.offset, p.size) for p in theirs] == [
        (e.label, e.type, e.subtype, e.address, e.size) for e in ours
    ]
    assert theirs.to_binary() == binary.encode(ours)


@pytest.mark.parametrize(("board", "table"), TABLES)
def test_the_numbers_of_the_board_are_those_of_its_table(
    board: BoardType, table: FlashTable
) -> None:
    layout = load_layout(table.csv, table.flash_size)
    assert tuple(slot.address for slot in layout.slots) == table.slots
    assert {slot.size for slot in layout.slots} == {table.slot_size}
    assert (layout.vfs.address, layout.vfs.size) == table.vfs
    assert layout.end == table.flash_size, "flash is left over, or missing"
    assert all(entry.address % 4096 == 0 == entry.size % 4096 for entry in layout.entries)
    assert all(slot.address % 0x10000 == 0 for slot in layout.slots)


@pytest.mark.parametrize("board", boards().values(), ids=list(boards()))
def test_chip_and_offsets_are_those_of_esptool(board: BoardType) -> None:
    theirs = CHIP_DEFS[board.chip]
    chip = chip_by_name(board.chip)
    assert chip is not None
    assert board.chip_id == chip.chip_id == theirs.IMAGE_CHIP_ID
    assert board.bootloader_offset == chip.bootloader == theirs.BOOTLOADER_FLASH_OFFSET


@pytest.mark.parametrize(("board", "table"), TABLES)
def test_a_stock_image_and_an_application_fit_the_slots(
    board: BoardType, table: FlashTable, release: bytes
) -> None:
    assert len(release) <= table.slot_size
    assert table.slot_size >= LEAST_SLOT


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A stock firmware with the reference application behind it."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "main.py").write_bytes((ROOT / "micropython" / "main.py").read_bytes())
    return build_image(stock.merged_image().data, folder, "1.0.0")


def test_images_are_built_for_the_slots_of_the_first_board() -> None:
    assert boards()["ESP32_GENERIC"].table().slot_size == SLOT_SIZE


def test_every_board_has_its_folder_and_every_folder_its_board() -> None:
    assert {path.name for path in FOLDER.iterdir() if path.is_dir()} == set(boards())


@pytest.mark.skipif(shutil.which("cmake") is None, reason="NO CMAKE HERE")
@pytest.mark.parametrize(("board", "table"), TABLES)
def test_the_build_takes_the_table_of_the_flash_that_it_is_told(
    board: BoardType, table: FlashTable, tmp_path: Path
) -> None:
    theirs = tmp_path / "boards" / board.name / "mpconfigboard.cmake"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    (tmp_path / "it.cmake").write_text(
        f"set(MICROPY_BOARD_DIR {FOLDER / board.name})\n"
        f"set(CMAKE_BINARY_DIR {tmp_path})\n"
        "include(${MICROPY_BOARD_DIR}/mpconfigboard.cmake)\n"
        'message("${ALINK_TABLE} ${SDKCONFIG_DEFAULTS}")\n'
    )
    words = ["cmake", f"-DALINK_FLASH={table.flash}", "-P", "it.cmake"]
    said = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stderr
    size = table.csv.stem.partition("-")[2]
    assert said.startswith(f"{table.csv} {FOLDER / board.name}/sdkconfig.{size or 'board'};")


@pytest.mark.parametrize("board", boards().values(), ids=list(boards()))
def test_a_firmware_of_your_own_is_built_with_this_table_and_this_size(board: BoardType) -> None:
    folder = FOLDER / board.name
    cmake = (folder / "mpconfigboard.cmake").read_text()
    assert cmake.startswith(f"include(boards/{board.name}/mpconfigboard.cmake)")
    assert f'"boards/{board.name}/mpconfigboard.h"' in (folder / "mpconfigboard.h").read_text()
    assert cmake.endswith("include(${MICROPY_BOARD_DIR}/../alink.cmake)\n")
    assert {path.name for path in folder.glob("*.csv")} == {t.csv.name for t in board.tables}
    for table in board.tables:
        size = table.csv.stem.partition("-")[2]  # as alink.cmake looks for it
        assert size in ("", table.flash.replace("MB", "MiB"))
        settings = (folder / f"sdkconfig.{size or 'board'}").read_text().splitlines()
        assert f"CONFIG_ESPTOOLPY_FLASHSIZE_{table.flash}=y" in settings
        assert "CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE=y" in settings
    included = re.findall(r'include\("(\.\./.*)"\)', (folder / "manifest.py").read_text())
    assert [(folder / path).resolve() for path in included] == [ROOT / "micropython/manifest.py"]
    said = (folder / "README.md").read_text()
    assert f"BOARD_DIR=/path/to/alink/boards/{board.name}" in said
    assert "## Unverified" in said
    assert all(str(table.slot_size // 1024) in said for table in board.tables)


NVS = "nvs, data, nvs, 0x9000, 0x4000\n"
OTADATA = "otadata, data, ota, 0xd000, 0x2000\n"
SLOTS = "ota_0, app, ota_0, 0x10000, 0x100000\nota_1, app, ota_1, 0x110000, 0x100000\n"
VFS = "vfs, data, fat, 0x210000, 0x10000\n"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (NVS + "factory, app, factory, 0x10000, 1M\n" + VFS, "has no slot"),
        (NVS + OTADATA + "ota_0, app, ota_0, 0x10000, 1M\n" + VFS, "has one slot"),
        (NVS + OTADATA + SLOTS + VFS + "spare, app, test, 0x220000, 64K\n", "app partition spare"),
        (NVS + OTADATA + SLOTS + VFS + "old, app, factory, 0x220000, 64K\n", "app partition old"),
        (NVS + OTADATA + SLOTS + VFS + VFS.replace("0x210000", "0x220000"), "two partitions vfs"),
        (OTADATA + SLOTS + VFS, "has no nvs partition"),
        (NVS + SLOTS + VFS, "has no otadata partition"),
        (NVS + OTADATA + SLOTS, "has no partition vfs"),
        (NVS + OTADATA.replace("0x2000", "0x1000") + SLOTS + VFS, "otadata must have exactly"),
        (NVS.replace("0x4000", "0x2000") + OTADATA + SLOTS + VFS, "nvs needs 0x3000"),
        (NVS + OTADATA + SLOTS + VFS.replace("0x10000\n", "0x8000\n"), "vfs needs 0x10000"),
        (NVS.replace("0x9000", "0x8000") + OTADATA + SLOTS + VFS, "nvs lies at 0x8000"),
        (NVS + OTADATA + SLOTS + VFS.replace("0x10000\n", "4M\n"), "ends at 0x610000"),
        (NVS + OTADATA + SLOTS + VFS.replace("0x10000\n", "0x10800\n"), "not whole sectors"),
        (NVS.replace("nvs,", "a_name_of_16_char,", 1) + OTADATA + SLOTS + VFS, "is longer than"),
    ],
)
def test_a_table_that_updates_cannot_live_in_is_refused(
    text: str, cause: str, tmp_path: Path
) -> None:
    csv = tmp_path / "partitions.csv"
    csv.write_text(text)
    with pytest.raises(Refused) as failed:
        load_layout(csv, 4 << 20)
    assert cause in failed.value.cause
    assert failed.value.advice.endswith(".")


def test_a_complete_table_of_ones_own_is_taken(tmp_path: Path) -> None:
    csv = tmp_path / "partitions.csv"
    csv.write_text(NVS + OTADATA + SLOTS + VFS)
    assert load_layout(csv, 4 << 20).slot_size == 0x100000
