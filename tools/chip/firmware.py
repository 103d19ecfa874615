"""The app image inside what micropython.org publishes: a merged file or an .app-bin.

A merged file is the flash content from the bootloader on, so its first byte belongs at the chip's
bootloader address (0x1000 on an ESP32) and its partition table at flash address 0x8000. A dump of
a whole flash is the same with base 0.
"""

from tools.chip import table
from tools.chip.chips import CHIPS, Chip, chip_by_name
from tools.chip.header import Image, is_app, parse_image, round_up
from tools.chip.image import MAGIC
from tools.cli import Refused

SIGNATURE_MAGIC = b"\xe7\x02"  # first bytes of a secure boot v2 signature block

GET_FIRMWARE = (
    "Take the .bin or .app-bin of your board from micropython.org/download and give its path "
    "with --firmware."
)


def partition_table(data: bytes) -> tuple[int, list[table.Entry]] | None:
    """(flash address of data[0], partitions) when `data` holds a partition table, else None."""
    bases = {0, *(chip.bootloader for chip in CHIPS)}
    for base in sorted(bases, reverse=True):
        at = table.TABLE_AT - base
        # Without a bootloader image at the base the magic bytes are a coincidence.
        boots = any(data[c.bootloader - base :][:1] == bytes([MAGIC]) for c in _boots_at(base))
        if boots and data[at : at + 2] == table.MAGIC:
            return base, table.rows(data[at:])
    return None


def _boots_at(base: int) -> list[Chip]:
    """The chips whose bootloader could stand in a file that starts at this flash address."""
    if base == 0:
        return list(CHIPS)
    return [chip for chip in CHIPS if chip.bootloader == base]


def app_part(data: bytes) -> bytes:
    """From a merged file the app partition's content to the end; anything else as it is.

    Raises Refused when a merged file has no app inside.
    """
    if is_app(data):
        return data
    found = partition_table(data)
    if found is None:
        return data
    base, partitions = found
    apps = [p for p in partitions if p.type == table.TYPE_APP]
    for partition in apps:
        start = partition.address - base
        part = data[start : start + partition.size]
        if part[:1] == bytes([MAGIC]):
            return part
    raise Refused(
        f"this merged file has a partition table with {len(apps)} app partitions, but no app "
        "image at any of them",
        GET_FIRMWARE,
    )


def extract_app(data: bytes, chip: str = "esp32") -> bytes:
    """The verified app image in `data`, trimmed to its true end.

    Takes a merged file, an app image, or an app image with something behind it (which is dropped).
    Raises Refused for everything that a bootloader would not start on `chip`.
    """
    wanted = chip_by_name(chip)
    if wanted is None:
        known = ", ".join(c.name for c in CHIPS)
        raise Refused(f"unknown chip {chip!r}", f"Use one of: {known}.")
    part = app_part(data)
    image = parse_image(part)
    if image.problems:
        raise Refused(
            f"the firmware is not a valid image: {'; '.join(image.problems)}",
            "Download it again and compare the size. " + GET_FIRMWARE,
        )
    if not is_app(part):
        raise Refused(
            "the firmware is a bootloader or something else that is not an application",
            GET_FIRMWARE,
        )
    _check_chip(image, wanted)
    after = round_up(image.end)
    if part[after : after + 2] == SIGNATURE_MAGIC:
        raise Refused(
            "the firmware carries a secure boot signature, and a board that checks it would "
            "refuse the image with an application behind it",
            "Build the application into the firmware (frozen) and sign that instead.",
        )
    return part[: image.end]


def _check_chip(image: Image, wanted: Chip) -> None:
    if image.chip != wanted.name:
        raise Refused(
            f"the firmware is for {image.chip}, not for {wanted.name}",
            f"Take the firmware of your board, or say --chip {image.chip} if that is your board.",
        )
