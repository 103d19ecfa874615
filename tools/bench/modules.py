"""What each module of the package weighs: its .mpy file, and the heap that importing it takes."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import tempfile
from pathlib import Path

from tools.bench.desk import APPS, MARK, ROOT, Say
from tools.bench.report import Figure, Section
from tools.imagelib.compile import compile_mpy
from tools.sim import interpreter

PACKAGE = ROOT / "micropython" / "alink"
_FACE = "face"  # stands for __init__, which would bring everything with it


def measure(say: Say) -> Section:
    """Every module of alink, in an order in which none brings another."""
    say("modules: heap and .mpy sizes")
    with tempfile.TemporaryDirectory(prefix="bench-modules-") as name:
        folder = Path(name)
        (folder / "alink").mkdir()
        (folder / "alink" / "__init__.py").write_text("")
        sizes = {}
        for source in sorted(PACKAGE.glob("*.py")):
            stem = _FACE if source.stem == "__init__" else source.stem
            code = compile_mpy(source.read_bytes(), f"alink/{source.name}", source)
            (folder / "alink" / f"{stem}.mpy").write_bytes(code)
            sizes[stem] = len(code)
        heap = _heap(folder, _order())
    figures = [
        Figure(
            "all of the package",
            f"{sum(heap.values()):,} bytes of heap",
            f"{sum(sizes.values()):,} bytes of .mpy",
        )
    ]
    for stem, taken in sorted(heap.items(), key=lambda item: -item[1]):
        title = "__init__" if stem == _FACE else stem
        figures.append(Figure(title, f"{taken:,} bytes of heap", f"{sizes[stem]:,} bytes of .mpy"))
    about = (
        "gc.mem_alloc() after a collection, before and after each import, dependencies first, "
        "on the 64-bit unix port (pointers and objects are twice an ESP32's). `ca` and "
        "`advice` are loaded when they are needed and let go."
    )
    return Section("modules", "importing", figures, about)


def _order() -> list[str]:
    # Dependencies first; a module is followed by those imported at its top.
    needs: dict[str, list[str]] = {}
    for source in sorted(PACKAGE.glob("*.py")):
        found: list[str] = []
        for node in ast.parse(source.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                found += [node.module] if node.module else [alias.name for alias in node.names]
        needs[source.stem] = found
    order: list[str] = []

    def add(name: str) -> None:
        if name in order or name == "__init__":
            return
        for other in needs[name]:
            if other in needs:
                add(other)
        order.append(name)

    for name in needs:
        add(name)
    return [*order, _FACE]


def _heap(folder: Path, order: list[str]) -> dict[str, int]:
    names = [f"alink.{name}" for name in order]
    command = [*interpreter.command(), str(APPS / "modules.py"), *names]
    path = os.pathsep.join([str(folder), str(interpreter.DEVICE), ".frozen"])
    environment = {**os.environ, "MICROPYPATH": path}
    done = subprocess.run(
        command,
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    start = f"{MARK}modules "
    line = next(line for line in done.stdout.splitlines() if line.startswith(start))
    return {name.partition(".")[2]: int(taken) for name, taken in json.loads(line[len(start) :])}
