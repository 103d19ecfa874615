"""The flash at any instant of a recording: what a power cut there would have left."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from host_tests.long.powercut.recording import Recording
from tools.sim.tape import Taped

FORMS = ("before", "middle", "after")


@dataclass(frozen=True)
class Cut:
    """The power goes before, in the middle of, or after the op-th operation (1 is the first)."""

    op: int
    form: str

    @staticmethod
    def parse(text: str) -> Cut:
        """A cut as it is printed ("57:middle"). Raises ValueError."""
        op, _, form = text.partition(":")
        if not op.isdecimal() or int(op) < 1 or form not in FORMS:
            raise ValueError(f"cut {text!r}: write it as 57:before, 57:middle or 57:after")
        return Cut(int(op), form)

    def __str__(self) -> str:
        return f"{self.op}:{self.form}"


def every(recording: Recording) -> Iterator[Cut]:
    """Three cuts for each operation."""
    for op in range(1, len(recording.operations) + 1):
        for form in FORMS:
            yield Cut(op, form)


def flash_at(recording: Recording, cut: Cut, seed: int) -> bytearray:
    """The flash that a cut leaves; the tear of a "middle" is drawn by `seed`."""
    flash = bytearray(recording.flash)
    for op in recording.operations[: cut.op - 1]:
        apply(flash, op)
    last = recording.operations[cut.op - 1]
    if cut.form == "after":
        apply(flash, last)
    elif cut.form == "middle":
        tear(flash, last, random.Random(f"{seed} {cut.op}"))
    return flash


def apply(flash: bytearray, op: Taped) -> None:
    """Do an operation."""
    end = op.address + op.length
    flash[op.address : end] = b"\xff" * op.length if op.kind == "erase" else op.data


def tear(flash: bytearray, op: Taped, dice: random.Random) -> None:
    """Do a part of an operation: of an erase one end of the sector, of a program a prefix.

    The byte in which a program ends has some of its bits only, so that one byte can be torn too.
    """
    if op.kind == "erase":
        at = op.address + dice.randrange(1, op.length)
        first, last = (op.address, at) if dice.random() < 0.5 else (at, op.address + op.length)
        flash[first:last] = b"\xff" * (last - first)
        return
    count = dice.randrange(op.length)
    at = op.address + count
    flash[op.address : at] = op.data[:count]
    flash[at] &= op.data[count] | dice.randrange(256)
