"""What each module of the package weighs: its .mpy file, and the heap that importing it takes."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tools.bench.desk import APPS, MARK, ROOT, Say
from tools.bench.report import Figure, Section
from tools.images.application import package
from tools.images.features import FEATURES
from tools.images.homes import dotted, of
from tools.sim import interpreter

PACKAGE = ROOT / "micropython" / "alink"
FACE = "__init__"


def measure(say: Say) -> Section:
    """Every module of alink, in an order in which none brings another."""
    say("modules: heap and .mpy sizes")
    with travelling() as (folder, sizes):
        heap = _heap(folder, order())
    figures = [
        Figure(
            "all of the package",
            f"{sum(heap.values()):,} bytes of heap",
            f"{sum(sizes.values()):,} bytes of .mpy",
        )
    ]
    for name, taken in sorted(heap.items(), key=lambda item: -item[1]):
        figures.append(Figure(name, f"{taken:,} bytes of heap", f"{sizes[name]:,} bytes of .mpy"))
    about = (
        "gc.mem_alloc() after a collection, before and after each import, dependencies first, "
        "of the .mpy files that an image carries (private names made short), on the 64-bit unix "
        "port (pointers and objects are twice an ESP32's). A module pays for the names that it "
        "is the first to bring. What is in a folder is loaded when it is needed and let go: "
        "never is all of this there at once (see the section `chip`)."
    )
    return Section("modules", "importing", figures, about)


@contextmanager
def travelling() -> Iterator[tuple[Path, dict[str, int]]]:
    """The package as an image carries it: a folder with it, and bytes by module ("job.run")."""
    with tempfile.TemporaryDirectory(prefix="bench-modules-") as name:
        folder = Path(name)
        (folder / "version.py").write_text('VERSION = "1.0.0"\n')  # the application's
        sizes = {}
        names = {new: old for old, new in _names().items()}
        for path, content in package(PACKAGE, FEATURES).items():
            place = folder / path[1:]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            module = path.removeprefix("/alink/").removesuffix(".mpy").replace("/", ".")
            sizes[names.get(module, module)] = len(content)
        yield folder, sizes


def order() -> list[str]:
    """Every module ("__init__" first, "job.run"): the root's, then the folders'.

    Within each a module is followed by those that import it at their top.
    """
    needs = {}
    for source in sorted(PACKAGE.rglob("*.py"), key=lambda one: (one.parent != PACKAGE, one)):
        name = ".".join(source.relative_to(PACKAGE).with_suffix("").parts)
        if source.parent == PACKAGE or source.stem != FACE:  # a folder's is left out if empty
            needs[name] = list(_imported(source, name.rpartition(".")[0]))
    found = [FACE]

    def add(name: str) -> None:
        if name not in found:
            for other in needs[name]:
                if other in needs:
                    add(other)
            found.append(name)

    for name in needs:
        add(name)
    return found


def _imported(source: Path, folder: str) -> Iterator[str]:
    # The package's modules that one imports at its top.
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Try):  # what may stand there in two forms: see session.py
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "use":
                    yield from (str(ast.literal_eval(one)) for one in call.args)
        if isinstance(node, ast.ImportFrom) and node.level:
            home = f"{folder}." if node.level == 1 and folder else ""
            if node.module:
                yield home + node.module
            else:
                yield from (home + alias.name for alias in node.names)


def full(name: str) -> str:
    """The name under which a module is imported from an image."""
    return "alink" if name == FACE else f"alink.{_names().get(name, name)}"


@cache
def _names() -> dict[str, str]:
    # Module ("job.run") -> its name in an image, for those that have another there.
    return dotted(of(PACKAGE))


def told(output: str) -> list[int]:
    """What apps/modules.py or chip.mjs has found."""
    start = f"{MARK}modules "
    line = next(line for line in output.splitlines() if line.startswith(start))
    found: list[int] = json.loads(line[len(start) :])
    return found


def _heap(folder: Path, names: list[str]) -> dict[str, int]:
    command = [*interpreter.command(), str(APPS / "modules.py"), *map(full, names)]
    path = os.pathsep.join(
        [str(folder), str(interpreter.DEVICE), str(interpreter.DEVICE / ".frozen"), ".frozen"]
    )
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
    return dict(zip(names, told(done.stdout), strict=True))
