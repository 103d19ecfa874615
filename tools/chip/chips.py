"""Which chip an image is for: the ids of the ESP-IDF image header, and where each boots from."""

from typing import NamedTuple


class Chip(NamedTuple):
    """One chip family.

    `chip_id` is the u16 at offset 12 of an image header; `bootloader` is the flash address of
    the second-stage bootloader, which is also the flash address of a merged file's first byte.
    """

    name: str
    chip_id: int
    bootloader: int


CHIPS = (
    Chip("esp32", 0, 0x1000),
    Chip("esp32s2", 2, 0x1000),
    Chip("esp32c3", 5, 0x0),
    Chip("esp32s3", 9, 0x0),
    Chip("esp32c2", 12, 0x0),
    Chip("esp32c6", 13, 0x0),
    Chip("esp32h2", 16, 0x0),
    Chip("esp32p4", 18, 0x2000),
    Chip("esp32c61", 20, 0x0),
    Chip("esp32c5", 23, 0x2000),
)

_BY_ID = {chip.chip_id: chip for chip in CHIPS}
_BY_NAME = {chip.name: chip for chip in CHIPS}


def chip_by_id(chip_id: int) -> Chip | None:
    """The chip with this header id, or None."""
    return _BY_ID.get(chip_id)


def chip_by_name(name: str) -> Chip | None:
    """The chip with this name in any spelling ("ESP32-S3", "esp32s3"), or None."""
    return _BY_NAME.get(name.lower().replace("-", "").replace("_", ""))
