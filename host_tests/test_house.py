"""The walls of the desk: who may import whom, drawn from the imports themselves."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# What runs on a board, or in the sim's MicroPython: no part of the host's programs.
ON_BOARD = (
    "tools/bench/apps",
    "tools/demo/app",
    "tools/flashing/on_board",
    "tools/sim/device",
)

# What each room may import beside itself. The rooms that are not here may import any.
WALLS = {
    "terminal": (),
    "exit_codes": (),
    "cli": ("exit_codes", "terminal"),
    "texts": ("cli",),
    "places": ("cli", "texts"),
    "programs": ("cli",),
    "signing": ("cli",),
    "chip": (
        "cli",
        "texts",
    ),
    "images": ("cli", "texts", "places", "chip"),
    "release": ("cli", "texts", "places", "signing", "chip", "images"),
    "flashing": ("cli", "texts", "places", "signing", "chip", "images"),
    "sim": ("cli", "texts", "programs", "places", "chip", "images", "flashing"),
    "cloud": (
        "cli",
        "exit_codes",
        "terminal",
        "texts",
        "programs",
        "places",
        "signing",
        "release",
    ),
}
# Of a package of this room nothing but its face: what its __init__ offers.
FACES = (("cloud", "release"),)

# tools/cloud one way: each of these lines imports from itself and from those above it.
CLOUD = (
    (
        "certs",
        "clock",
        "dialect",
        "faults",
        "hidden_links",
        "hosting",
        "identity",
        "limits",
        "open_files",
        "records",
        "printable",
        "store",
        "kept_files",
        "context",
        "rows",
    ),
    ("mqtt",),
    ("downloads",),
    ("ota",),
    ("openapi",),
    ("page",),
    ("control", "stand_in", "local", ""),
    ("operator",),
    ("platform",),
    ("__main__",),
)

LONGEST = 400  # lines of a file

Graph = dict[str, set[str]]


def modules(tree: Path, folder: str) -> Iterator[tuple[str, Path]]:
    """(dotted name, file) of every module that runs on the host."""
    for path in sorted((tree / folder).rglob("*.py")):
        place = path.relative_to(tree)
        if not place.as_posix().startswith(ON_BOARD):
            name = ".".join(place.with_suffix("").parts)
            yield name.removesuffix(".__init__"), path


def imports(path: Path, known: Iterable[str]) -> set[str]:
    """Every module that a file imports, wherever in it, also for types alone."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{path}: a relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in known else node.module)
    return found


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Module of tools/ -> the modules of tools/ that it imports."""
    there = dict(modules(ROOT, "tools"))
    return {
        name: {one for one in imports(path, there) if one in there} - {name}
        for name, path in there.items()
    }


def cycles(graph: Graph) -> list[list[str]]:
    """Each set of modules that need one another, by Tarjan's way."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        number[name] = lowest[name] = len(number)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in number:
                visit(other)
            if other in stack:
                lowest[name] = min(lowest[name], lowest[other])
        if lowest[name] == number[name]:
            at = stack.index(name)
            ring = sorted(stack[at:])
            del stack[at:]
            if len(ring) > 1:
                found.append(ring)

    for name in sorted(graph):
        if name not in number:
            visit(name)
    return found


def room(name: str) -> str:
    """The part of tools/ that a module is in: "tools.cloud.mqtt.topics" -> "cloud"."""
    return [*name.split("."), ""][1]


def broken_walls(graph: Graph) -> list[str]:
    """What a room imports that it must not know."""
    wrong = []
    for name, others in sorted(graph.items()):
        mine = room(name)
        for other in sorted(others):
            theirs = room(other)
            if mine not in WALLS or theirs == mine:
                continue
            inside = (mine, theirs) in FACES and other.count(".") > 1
            if theirs not in WALLS[mine] or inside:
                wrong.append(f"{name} imports {other}")
    return wrong


def against_the_stream(graph: Graph) -> list[str]:
    """What in tools/cloud imports something that stands above it."""
    level = {part: n for n, parts in enumerate(CLOUD) for part in parts}

    def height(name: str) -> int:
        return level[[*name.split("."), "", ""][2]]

    inside = {name: others for name, others in graph.items() if room(name) == "cloud"}
    return [
        f"{name} imports {other}"
        for name, others in sorted(inside.items())
        for other in sorted(others)
        if room(other) == "cloud" and height(other) > height(name)
    ]


def test_no_module_needs_itself_by_way_of_another(graph: Graph) -> None:
    assert cycles(graph) == []


def test_no_room_of_the_desk_knows_what_it_need_not(graph: Graph) -> None:
    assert broken_walls(graph) == []


def test_the_parts_of_the_cloud_lean_on_one_another_one_way(graph: Graph) -> None:
    assert against_the_stream(graph) == []


def test_what_runs_on_a_board_needs_nothing_of_the_desk() -> None:
    wrong = []
    for folder in ("micropython", *ON_BOARD):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names: list[str] = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    names = [node.module or ""]
                if any(name.split(".")[0] in ("tools", "host_tests") for name in names):
                    wrong.append(f"{path.relative_to(ROOT)}: {names}")
    assert wrong == []


def test_a_name_of_a_class_means_one_thing() -> None:
    where: dict[str, list[str]] = {}
    for folder in ("micropython", "tools"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    where.setdefault(node.name.lstrip("_"), []).append(path.name)
    twice = {name: files for name, files in where.items() if len(files) > 1}
    # Names that MicroPython gives: the sim's modules have to have them.
    assert twice.keys() == {"Task", "Timer"}
    assert "chip_asyncio.py" in twice["Task"]
    assert "machine.py" in twice["Timer"]


def test_every_name_that_a_package_offers_is_there() -> None:
    packages = [name for name, path in modules(ROOT, "tools") if path.stem == "__init__"]
    offered = [
        (name, one) for name in packages for one in getattr(import_module(name), "__all__", ())
    ]
    assert ("tools.cloud.store", "CloudStore") in offered
    assert [(name, one) for name, one in offered if not hasattr(import_module(name), one)] == []


def test_a_file_of_the_desk_can_be_read_in_one_go() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in ("tools", "host_tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST
    }
    assert long == {}


def test_no_test_imports_a_test() -> None:
    wrong = []
    for path in sorted((ROOT / "host_tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            # What several tests use is in kit/; for device tests beside them (mqtt_fakes.py).
            parts = {part for name in names for part in name.split(".")[:-1]}
            if names and any(part.startswith(("test_", "t_")) for part in parts):
                wrong.append(f"{path.relative_to(ROOT)}: {names}")
    assert wrong == []


def test_every_room_of_tests_is_on_their_page() -> None:
    page = (ROOT / "host_tests" / "README.md").read_text(encoding="utf-8")
    rooms = [path.parent.name for path in (ROOT / "host_tests").glob("*/__init__.py")]
    assert rooms
    assert [room for room in rooms if f"`{room}/`" not in page] == []


def test_a_cycle_and_a_broken_wall_are_seen(tmp_path: Path) -> None:
    texts = {
        "chip/a": "from tools.sim.b import B\n",
        "sim/b": "def f():\n    from tools.chip import a\n",
        "cloud/clock": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    from tools.cloud.ota import c\n",
        "cloud/ota/c": "from tools.release import unpack\n"
        "from tools.release.unpacking import unpack\n",
        "release/unpacking": "",
        "release/__init__": "",
    }
    for name, text in texts.items():
        path = tmp_path / "tools" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    there = dict(modules(tmp_path, "tools"))
    drawn = {
        name: {one for one in imports(path, there) if one in there} for name, path in there.items()
    }
    assert cycles(drawn) == [["tools.chip.a", "tools.sim.b"]]
    assert broken_walls(drawn) == [
        "tools.chip.a imports tools.sim.b",
        "tools.cloud.ota.c imports tools.release.unpacking",
    ]
    assert against_the_stream(drawn) == ["tools.cloud.clock imports tools.cloud.ota.c"]
