"""Firmware + application + version -> one file that a board downloads into a slot."""

from collections.abc import Iterable
from pathlib import Path

from tools.chip.chips import chip_by_name
from tools.chip.firmware import extract_app
from tools.chip.header import round_up
from tools.chip.nor import SECTOR
from tools.cli import Refused
from tools.images.application import ALINK, LOADER, collect, files_intact, version_of
from tools.images.volume import BLOCK_SIZE, find_volume, make_volume, read_files

# The app slots of boards/ESP32_GENERIC/partitions.csv.
SLOT_SIZE = 0x1D8000


def build_image(
    firmware: bytes,
    app: Path,
    version: str,
    *,
    chip: str = "esp32",
    block_size: int = BLOCK_SIZE,
    slot_size: int = SLOT_SIZE,
    alink: Path = ALINK,
    loader: Path = LOADER,
    features: Iterable[str] | None = None,
    processor: str | None = None,
) -> bytes:
    """The image: `firmware`'s app part, padded to 4096 bytes with 0xFF, then the volume.

    `firmware` is a merged file or an app image, `app` the application's folder, `features` the
    parts of alink that are packed (None: what the application is likely to need), `processor` what
    alink's machine code is for (None: the chip's). The same inputs give the same bytes. Raises
    Refused, with advice, for whatever would not run on a board.
    """
    part = extract_app(firmware, chip)
    wanted = chip_by_name(chip)
    files = collect(app, version, alink, loader, features, wanted and wanted.name, processor)
    volume = make_volume(files, block_size)
    data = part.ljust(round_up(len(part)), b"\xff") + volume
    needed = round_up(len(data))
    if needed > slot_size:
        raise Refused(
            f"the image needs {needed} bytes (firmware {len(part)}, application {len(volume)}), "
            f"the slot has {slot_size}",
            f"Remove {needed - slot_size} bytes from the application, take a smaller firmware, or "
            "use a partition table with larger slots and give their size with --slot-size.",
        )
    return data


def read_version(data: bytes) -> str | None:
    """The application version in an image, or None when there is none or it is damaged."""
    found = find_volume(data)
    if found is None:
        return None
    try:
        files = read_files(data[found.offset :])
    except Refused:
        return None
    return None if files_intact(files) is False else version_of(files)


def slot_needed(size: int) -> int:
    """Bytes of slot that a file of `size` bytes takes: flash is erased by whole sectors."""
    return round_up(size, SECTOR)
