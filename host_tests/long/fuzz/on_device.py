"""Runs many inputs in one MicroPython process, and finds out which one broke what.

The script reads length-prefixed inputs, prints `at N` before each one, `BAD N why` for a broken
promise, `GOT N json` for what the host shall judge, and `DONE N figures` at the end.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from host_tests.kit.device_process import DeviceFailed, run_device
from host_tests.long.fuzz.target import DEVICE, Finding, Outcome, Progress

_BATCH = 500
_TIMEOUT_S = 300

Judge = Callable[[int, Any], str | None]


def packed(inputs: Sequence[bytes]) -> bytes:
    """The file of inputs: four bytes of length, big-endian, before each."""
    return b"".join(len(one).to_bytes(4, "big") + one for one in inputs)


def run(
    script: str,
    inputs: Sequence[bytes],
    progress: Progress,
    *,
    heap_kib: int,
    judge: Judge | None = None,
    given: str = "",
) -> Outcome:
    """Try all inputs, some hundred a process. judge(index, value) -> what is wrong, or None.

    given: a second argument for the script.
    """
    outcome = Outcome(len(inputs))
    for start in range(0, len(inputs), _BATCH):
        batch = inputs[start : start + _BATCH]
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            file = Path(folder) / "inputs"
            file.write_bytes(packed(batch))
            try:
                said = run_device(
                    DEVICE / script, str(file), given, heap_kib=heap_kib, timeout_s=_TIMEOUT_S
                )
            except DeviceFailed as exc:
                said = str(exc)
        read_output(said, start, inputs, outcome, judge)
        progress(len(batch))
    return outcome


def read_output(
    said: str, start: int, inputs: Sequence[bytes], outcome: Outcome, judge: Judge | None = None
) -> None:
    """Add what a process said of the inputs from number `start` on."""
    last = 0
    done = False
    for line in said.splitlines():
        word, _, rest = line.partition(" ")
        if word == "at":
            last = int(rest)
        elif word in ("BAD", "GOT"):
            number, _, text = rest.partition(" ")
            index = start + int(number)
            why = text
            if word == "GOT":
                why = (judge(index, json.loads(text)) if judge else None) or ""
            if why:
                outcome.findings.append(Finding(index, inputs[index], why))
        elif word == "DONE":
            done = True
            for pair in rest.split():
                name, _, value = pair.partition("=")
                known = int(outcome.figures.get(name, 0))
                outcome.figures[name] = str(max(known, int(value)))
    if not done:
        index = min(start + last, len(inputs) - 1)
        why = "the interpreter ended or hung; it said:\n" + said[-1500:]
        outcome.findings.append(Finding(index, inputs[index], why))
