"""The sim's own modules as .mpy: a board that loads them so has more heap, and boots sooner."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.images.compile import compile_mpy
from tools.sim import interpreter

_TOOLS = Path(interpreter.__file__).resolve().parents[1]
_DEVICE = Path("sim/device")


def compile_sim(folder: Path) -> Path:
    """Put what a board loads of tools/ into `folder`; returns what is interpreter.DEVICE there."""
    sources = [*(_TOOLS / _DEVICE).rglob("*.py"), *(_TOOLS / form for form in interpreter.FORMATS)]
    for source in sorted(sources):
        place = source.relative_to(_TOOLS)
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        if source.name == "sim_start.py":
            shutil.copy(source, folder / place)
        else:
            code = compile_mpy(source.read_bytes(), str(place), source)
            (folder / place).with_suffix(".mpy").write_bytes(code)
    return folder / _DEVICE


@contextmanager
def compiled_sim() -> Iterator[Path]:
    """Meanwhile boards load the sim's own modules as .mpy, which costs the board less heap."""
    with tempfile.TemporaryDirectory(prefix="bench-sim-") as name:
        before, folder = interpreter.DEVICE, Path(name)
        interpreter.DEVICE = compile_sim(folder)
        try:
            yield folder
        finally:
            interpreter.DEVICE = before
