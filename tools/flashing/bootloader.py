"""The second-stage bootloader: taken from a merged file or a board, and fitted to the board.

It is an image like an app's. Its header tells the size of the flash (high nibble of byte 3), and
the bootloader refuses a partition table that goes beyond it; where a SHA-256 is appended, that
covers the header ("App Image Format", ESP-IDF).
"""

from __future__ import annotations

import hashlib

from tools.chip.boards import BoardType
from tools.chip.firmware import partition_table
from tools.chip.header import is_app, parse_image
from tools.chip.image import HASH_SIZE
from tools.chip.layout import TABLE_AT
from tools.cli import Refused

SIZE_CODES = {1 << (20 + code): code for code in range(8)}  # 1 MiB is 0, 128 MiB is 7

_DOWNLOAD = "Download the firmware again and compare its size: flash.py check FILE."


def from_merged(data: bytes, board: BoardType) -> bytes:
    """The bootloader in a merged file. Raises Refused for one that would not start the chip."""
    found = partition_table(data)
    if found is None:
        raise Refused(
            "there is no bootloader in the firmware file: it is not a merged file",
            "Take the .bin of your board (not the .app-bin) from micropython.org/download, or "
            "keep the board's own bootloader: --keep-bootloader.",
        )
    base = found[0]
    part = data[board.bootloader_offset - base : TABLE_AT - base]
    return check(part, board, "the firmware's bootloader", _DOWNLOAD)


def check(part: bytes, board: BoardType, what: str, advice: str) -> bytes:
    """The bootloader image at the start of `part`, trimmed. Raises Refused if it is unsound."""
    image = parse_image(part)
    if image.problems:
        raise Refused(f"{what} is damaged: {'; '.join(image.problems)}", advice)
    if image.chip != board.chip:
        raise Refused(f"{what} is for {image.chip}, {board.name} has {board.chip}", advice)
    if is_app(part):
        raise Refused(f"{what} is an application, not a bootloader", advice)
    return part[: image.end]


def flash_size(bootloader: bytes) -> int:
    """Bytes of flash that its header claims; 0 for a code that is not in use."""
    code = bootloader[3] >> 4
    return {code: size for size, code in SIZE_CODES.items()}.get(code, 0)


def with_flash_size(bootloader: bytes, size: int) -> bytes:
    """The same with another flash size (bytes) in its header, its SHA-256 redone."""
    out = bytearray(bootloader)
    out[3] = SIZE_CODES[size] << 4 | out[3] & 0x0F
    if out[23] == 1:
        out[-HASH_SIZE:] = hashlib.sha256(out[:-HASH_SIZE]).digest()
    return bytes(out)


def check_kept(part: bytes, board: BoardType, needed: int) -> None:
    """Whether a board's own bootloader starts a table of `needed` bytes; Refused if not."""
    again = "Flash the bootloader too: leave --keep-bootloader out and give a merged --firmware."
    own = check(part, board, "the board's own bootloader", again)
    size = flash_size(own)
    if size < needed:
        raise Refused(
            f"the board's own bootloader is set to {size >> 20} MB of flash, and the partition "
            f"table needs {needed >> 20} MB: it would not start",
            again,
        )
