"""Counting what a board reads of its volume: each read is a call into boot.py's AppVolume."""

from __future__ import annotations

READS = 'sys.modules["reads"][0]'  # where a program on the board finds their number

_HEAD = b"    def readblocks(self, n, buf, offset=0):\n"


def counting(loader: bytes) -> bytes:
    """boot.py, with a count of its reads of the volume in READS."""
    if loader.count(_HEAD) != 1:
        raise ValueError("boot.py reads its volume in another way")
    start = b'import sys\nsys.modules["reads"] = [0]\n'
    return start + loader.replace(_HEAD, _HEAD + f"        {READS} += 1\n".encode())
