"""Compiled modules: for which processor a .mpy is ("MicroPython .mpy files")."""

from __future__ import annotations

from pathlib import Path

from tools.cli import Refused

VERSION = b"M\x06"  # what MicroPython 1.23 and later import
_ARCHITECTURES = (
    "any processor",
    "x86",
    "x64",
    "armv6",
    "armv6m",
    "armv7m",
    "armv7em",
    "armv7emsp",
    "armv7emdp",
    "xtensa",
    "xtensawin",
    "rv32imc",
    "rv64imc",
)
_XTENSA = ("esp32", "esp32s2", "esp32s3")


def of_chip(chip: str) -> str:
    """The processor of a chip ("esp32c3"), as mpy-cross names it."""
    return "xtensawin" if chip in _XTENSA else "rv32imc"


def check_mpy(content: bytes, source: Path, chip: str | None) -> None:
    """Raise Refused for a .mpy that a board with this chip (None: any) could not import."""
    if content[:2] != VERSION or len(content) < 4:
        raise Refused(
            f"{source} is not a .mpy file of version 6",
            "Compile it with mpy-cross 1.23 or later, or give the .py instead.",
        )
    number = content[2] >> 2 & 0x0F
    if not number or chip is None:
        return
    wanted = of_chip(chip)
    given = _ARCHITECTURES[number] if number < len(_ARCHITECTURES) else f"architecture {number}"
    if given != wanted:
        raise Refused(
            f"{source} is machine code for {given}, and {chip} runs {wanted}",
            f"Compile it with -march={wanted}, or give the .py instead.",
        )
