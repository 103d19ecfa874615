# What a NOR flash can do: erase whole sectors to ones, and program ones to zeros. MIT licence.
#
# Runs under CPython and, in the sim, under MicroPython, whose simchip/ops.py looks for lifted bits
# by itself, since it must not allocate.

SECTOR = 4096

MISALIGNED = "erase at 0x%x is not aligned to 4096"
LIFTED = "flash at 0x%x holds 0x%02x and was programmed to 0x%02x without an erase"


def misaligned(address: int) -> "str | None":
    """Why nothing can be erased there (str), or None."""
    return MISALIGNED % address if address % SECTOR else None


def lifted(address: int, old: bytes, new: bytes) -> "str | None":
    """Why `new` cannot be programmed over `old` at `address` (str), or None."""
    if not int.from_bytes(new, "little") & ~int.from_bytes(old, "little"):
        return None
    at = 0
    while not new[at] & ~old[at]:
        at += 1
    return LIFTED % (address + at, old[at], new[at])
