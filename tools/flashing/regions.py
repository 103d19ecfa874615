"""What flash.py writes, as regions of flash: the same for a board and for a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.chip.layout import TABLE_AT, Layout
from tools.chip.nor import SECTOR
from tools.cli import Refused
from tools.images.application import LOADER
from tools.images.volume import exact_volume

ERASED = b"\xff"


@dataclass(frozen=True)
class Region:
    """Bytes for one place in flash: `address` and len(data) are multiples of 4096."""

    name: str
    address: int
    data: bytes


def regions(
    layout: Layout,
    image: bytes,
    *,
    bootloader: tuple[int, bytes] | None,
    erase_settings: bool = False,
    settings: bytes | None = None,
    loader: Path = LOADER,
) -> list[Region]:
    """Everything to write, by address; `bootloader` is (flash address, bytes) or None: keep it.

    settings: the content of NVS. What is not named keeps its content: NVS (without settings and
    erase_settings), and the blocks of vfs and slots that the new content leaves out. Raises
    Refused when the image is larger than a slot.
    """
    if len(image) > layout.slot_size:
        raise Refused(
            f"the image has {len(image)} bytes, the slots {layout.slot_size}: "
            f"{len(image) - layout.slot_size} too many",
            "Make the application smaller, take a smaller firmware, or use a board and table with "
            "larger slots (--flash-size, --partitions).",
        )
    first, *others = layout.slots
    found = [
        Region("partition table", TABLE_AT, _padded(layout.binary())),
        # Blank, as ESP-IDF's own build leaves it (ota_data_initial.bin): the bootloader then
        # starts slot 0 and writes the first entry itself, as VALID.
        Region("otadata", layout.otadata.address, ERASED * layout.otadata.size),
        Region("slot 0", first.address, _slot(image, first.size)),
    ]
    # An image from before must not come back: a journal in NVS that was kept may name it.
    found += [Region(f"slot {n}", s.address, ERASED * SECTOR) for n, s in enumerate(others, 1)]
    if bootloader is not None:
        address, data = bootloader
        found.append(Region("bootloader", address, _padded(data)))
    if settings is not None:
        found.append(Region("settings", layout.nvs.address, settings))
    elif erase_settings:
        found.append(Region("settings", layout.nvs.address, ERASED * layout.nvs.size))
    found += _file_system(layout, loader)
    return sorted(found, key=lambda region: region.address)


def as_flash(found: list[Region], size: int) -> bytes:
    """The complete content of a flash of `size` bytes, erased where no region lies."""
    flash = bytearray(ERASED * size)
    for region in found:
        flash[region.address : region.address + len(region.data)] = region.data
    return bytes(flash)


def _padded(data: bytes) -> bytes:
    return data + ERASED * (-len(data) % SECTOR)


def _slot(image: bytes, size: int) -> bytes:
    """The image and a blank sector: an older application's volume must not seem to be its own."""
    data = _padded(image)
    return data + ERASED * min(SECTOR, size - len(data))


def _file_system(layout: Layout, loader: Path) -> list[Region]:
    """The blocks in use of a new LittleFS with boot.py: LittleFS erases the others when it uses
    them, and so megabytes of flash are not worn for nothing."""
    count = layout.vfs.size // SECTOR
    volume = exact_volume({"/boot.py": loader.read_bytes()}, SECTOR, count)
    if volume is None:
        raise Refused(
            f"vfs of {layout.vfs.size:#x} bytes is too small for boot.py",
            "Give the partition vfs more room.",
        )
    used = [n for n in range(count) if volume[n * SECTOR : (n + 1) * SECTOR].strip(ERASED)]
    runs: list[list[int]] = []
    for n in used:
        if runs and runs[-1][1] == n:
            runs[-1][1] = n + 1
        else:
            runs.append([n, n + 1])
    return [
        Region("file system", layout.vfs.address + a * SECTOR, volume[a * SECTOR : b * SECTOR])
        for a, b in runs
    ]
