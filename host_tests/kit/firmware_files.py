"""The files a person brings to flash.py, made small and for any chip."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from host_tests.kit.images import BOOTLOADER_REGIONS, build, make_image
from tools.chip import table
from tools.chip.boards import boards
from tools.flashing.bootloader import with_flash_size
from tools.images import build_image

STOCK_TABLE = [
    table.Entry(1, 2, 0x9000, 0x6000, "nvs"),
    table.Entry(1, 1, 0xF000, 0x1000, "phy_init"),
    table.Entry(0, 0, 0x10000, 0x1F0000, "factory"),
]


def bootloader(board: str = "ESP32_GENERIC", flash: int = 4 << 20) -> bytes:
    """A valid bootloader image for a board, set to that much flash."""
    parts = [(address, bytes(range(256)) * 20) for address in BOOTLOADER_REGIONS]
    return with_flash_size(build(parts, chip_id=boards()[board].chip_id), flash)


@lru_cache(maxsize=16)
def app(board: str = "ESP32_GENERIC", size: int = 65536, version: str = "v1.27.0") -> bytes:
    """A valid app image for a board that says which MicroPython it is."""
    image = make_image(size, chip_id=boards()[board].chip_id)
    return _stating(image, f"{version} on 2025-12-09", board)


def _stating(image: bytes, text: str, board: str) -> bytes:
    """The image with a text in it, valid all the same."""
    said = text.encode()
    said += b"\0" * (-len(said) % 4)
    parts = []
    at = 24
    for _ in range(image[1]):
        address = int.from_bytes(image[at : at + 4], "little")
        size = int.from_bytes(image[at + 4 : at + 8], "little")
        parts.append((address, image[at + 8 : at + 8 + size]))
        at += 8 + size
    address, data = parts[0]
    parts[0] = (address, data[: -len(said)] + said)
    return build(parts, chip_id=boards()[board].chip_id)


def merged(board: str = "ESP32_GENERIC", flash: int = 4 << 20, **options: object) -> bytes:
    """What micropython.org offers for a board: bootloader, table with a factory app, app."""
    base = boards()[board].bootloader_offset
    out = bytearray(b"\xff" * (0x10000 - base))
    boot = bootloader(board, flash)
    out[: len(boot)] = boot
    rows = table.encode(STOCK_TABLE)
    out[0x8000 - base : 0x8000 - base + len(rows)] = rows
    return bytes(out) + app(board, **options)


def flash_options(folder: Path) -> list[str]:
    """A small firmware and an image with an application, in files, as options of flash."""
    firmware, image = folder / "merged.bin", folder / "image.bin"
    firmware.write_bytes(merged())
    image.write_bytes(build_image(app(), application(folder / "app"), "1.0.0"))
    return ["--firmware", str(firmware), "--image", str(image)]


def application(folder: Path, size: int = 0) -> Path:
    """A folder with a main.py, and `size` bytes of data that do not compress."""
    folder.mkdir(exist_ok=True)
    (folder / "main.py").write_text("print('hello from slot 0')\n")
    if size:
        (folder / "data.bin").write_bytes(bytes(range(256)) * (size // 256))
    return folder
