"""Inner modules under short names in an image: what is asked for by its name must be there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tools import image
from tools.dev import stock
from tools.images.application import ALINK, package
from tools.images.features import FEATURES
from tools.images.homes import LEAVES, moved, of, spoken, told
from tools.images.machine import PACKETS_BYTECODE, SUMS_MODULE
from tools.images.shorten import table
from tools.release.explain import explainer

SOURCES = {
    f"alink/{path.relative_to(ALINK).as_posix()[:-3]}": path.read_bytes()
    for path in ALINK.rglob("*.py")
}
FOLDERS = ("signin", "after_reset", "reset", "job")


def test_every_part_that_is_asked_for_by_its_name_is_in_the_image() -> None:
    """A name that leads nowhere would be an ImportError in the middle of an update."""
    made = moved(SOURCES)
    beside = (SUMS_MODULE, PACKETS_BYTECODE)
    there = {path.removeprefix("alink/").replace("/", ".") for path in (*made, *beside)}
    missing = []
    for module, source in made.items():
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                continue
            name = node.value
            if re.fullmatch(rf"({'|'.join(FOLDERS)})\.\w+", name) and name not in there:
                missing.append((module, name))
    assert not missing


def test_every_short_name_that_is_asked_for_is_one_modules() -> None:
    there = {path.removeprefix("alink/") for path in moved(SOURCES)}
    asked = _given("use", "ask")
    assert {name for name in asked if name in LEAVES} <= there
    assert len(asked & set(LEAVES)) > 30
    assert not {name for name in asked if name.startswith(("after_reset.", "reset."))}


def test_what_a_folder_had_is_let_go_with_it() -> None:
    """A part that nobody drops stays in RAM until the next reset."""
    dropped = _given("drop")
    assert {"job", "", "signin"} <= dropped
    for module, home in of(ALINK).items():
        if module.count("/") == 1:
            continue  # it was in none
        leaf = home.removeprefix("alink/")
        assert len(leaf) <= 2 if module.startswith("alink/job/") else leaf in dropped, module
    # And nothing else goes with them.
    assert all(len(path.removeprefix("alink/")) > 2 for path in SOURCES)


def _given(*names: str) -> set[str]:
    """The texts that functions of these names are given, in a package as it is in an image."""
    return {
        one.value
        for source in moved(SOURCES).values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) in names
        for one in node.args
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }


def test_each_module_has_a_place_of_its_own() -> None:
    new = of(ALINK)
    assert len(set(new.values())) == len(new)
    assert not set(new.values()) & set(SOURCES)
    assert set(package(ALINK, FEATURES)) == {
        f"/{new.get(module, module)}.mpy"
        for module in SOURCES
        # (A folder is a package without a file; two say what is done with it.)
        if not module.endswith("__init__") or module in ("alink/__init__", "alink/advice/__init__")
    }


def test_what_an_application_imports_stands_where_it_looks_for_it() -> None:
    paths = set(package(ALINK, FEATURES))
    for module in ("job/http", "job/mqtt", "job/download", "device", "updater", "files/files"):
        assert f"/alink/{module}.mpy" in paths
    # And what the desk's programs ask for on the board.
    for program in (ALINK.parents[1] / "tools/flashing/on_board").glob("*.py"):
        for name in re.findall(r'parts\.(?:ask|use)\("([\w.]+)"', program.read_text()):
            assert f"/alink/{name.replace('.', '/')}.mpy" in paths, program


def test_what_an_image_may_lack_is_missed_under_its_own_name() -> None:
    for feature in FEATURES.values():
        assert not any(
            module.startswith(f"alink/{place}") for place in feature.paths for module in of(ALINK)
        )


def test_each_way_to_name_a_module_is_followed() -> None:
    new = {"alink/job/run": "alink/d", "alink/signin/ca": "alink/abs", "alink/job/gate": "alink/e"}
    new["alink/idf"] = "alink/map"
    source = b"""
from . import run
from .run import Run
from .blocks import Stream
from .. import log
parts.use("job.run").Run(run)
parts.drop("job.run", "job")
parts.drop("signin", "log")
found = "alink.signin.ca" in modules
run.turn("run", "start")
parts.use("job." + name)
parts.ask("idf", "record", "idf")
ask("idf", "guard")
parts.drop("idf")
text = "job.run is no name here", "idf"
"""
    assert (
        told(source, "alink/job/gate", new)
        == b"""
from . import d as run
from .d import Run
from .job.blocks import Stream
from . import log
parts.use("d").Run(run)
parts.drop("d", "job")
parts.drop("signin", "abs", "log")
found = "alink.abs" in modules
run.turn("d", "start")
parts.use("" + name)
parts.ask("map", "record", "idf")
ask("map", "guard")
parts.drop("map")
text = "job.run is no name here", "idf"
"""
    )
    # From a module that stays where it is, too.
    assert told(b"from . import run\nfrom .blocks import x", "alink/job/mqtt", new) == (
        b"from .. import d as run\nfrom .blocks import x"
    )


def test_a_traceback_of_a_board_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = of(ALINK)["alink/job/gate"].replace("/", ".")
    names = table(moved(SOURCES))[new.replace(".", "/")]
    short = next(name for name, old in names.items() if old == "_forgive")
    console = tmp_path / "console.txt"
    leaf = new.rpartition(".")[2]
    console.write_text(
        f'oops\n  File "{leaf}", line 1, in {short}\n  File "main.py", line 3, in x\n'
        f"ImportError: no module named '{new}'\nImportError: no module named 'lamp'\n"
    )
    assert image.main(["explain", str(console)]) == 0
    assert capsys.readouterr().out == (
        'oops\n  File "alink/job/gate.py", in _forgive\n  File "main.py", line 3, in x\n'
        "ImportError: no module named 'alink.job.gate'\nImportError: no module named 'lamp'\n"
    )


def test_every_module_of_an_image_is_explained_by_what_its_tracebacks_call_it() -> None:
    explain = explainer(ALINK)
    for old in SOURCES:
        called = spoken(of(ALINK).get(old, old))
        assert explain(f'  File "{called}", line 1, in x\n') == f'  File "{old}.py", in x\n'


def test_the_short_names_cost_a_board_nothing() -> None:
    image = stock.merged_image()
    if image.real:
        assert all(name.encode() + b"\0" in image.data for name in LEAVES)
