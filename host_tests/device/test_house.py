"""The walls of the device package: a folder is a lifetime, and the numbers of errors agree."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "micropython" / "alink"
FOLDERS = ("signin", "after_reset", "job", "files")
MODULES = sorted(PACKAGE.rglob("*.py"))


def walls(text: str, own: str) -> list[str]:
    """The folders of another lifetime that a module in folder `own` imports past parts.py."""
    home = ["alink", own] if own else ["alink"]
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = home[: len(home) + 1 - node.level] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{start}.{alias.name}" for alias in node.names}
    others = {name.split(".")[1] for name in found if name.startswith("alink.")}
    return sorted(others & set(FOLDERS) - {own})


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_memory_of_one_lifetime_is_not_held_by_another(path: Path) -> None:
    folders = path.relative_to(PACKAGE).parts[:-1]
    assert walls(path.read_text(), folders[0] if folders else "") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from ..job import run", ["job"]),
        ("from ..job.run import Run", ["job"]),
        ("from .. import job", ["job"]),
        ("def f():\n    import alink.files.files", ["files"]),
        ("from . import ca", []),
        ("from .. import log", []),
    ],
)
def test_a_broken_wall_is_seen(text: str, found: list[str]) -> None:
    assert walls(text, "signin") == found


def test_a_user_reads_the_advice_of_the_error_that_happened() -> None:
    """Each _E_NAME = const(n) of the package has the number that the tables of advice/ have."""
    table = {}
    text = "".join(path.read_text() for path in (PACKAGE / "advice").glob("*.py"))
    aliases = dict(re.findall(r'"([A-Z_]+)": "([a-z-]+)",', text))
    for number, name in re.findall(r"^(\d+) ([a-z-]+) -\d ", text, re.MULTILINE):
        table[name] = int(number)
    wrong = []
    for path in MODULES:
        for name, number in re.findall(
            r"^_E_([A-Z_]+) = const\((\d+)\)$", path.read_text(), re.MULTILINE
        ):
            shown = aliases.get(name, name.lower().replace("_", "-"))
            if table.get(shown) != int(number):
                wrong.append(f"{path.name}: _E_{name} = {number}")
    assert wrong == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_function_keeps_its_module_in_memory_by_its_name(path: Path) -> None:
    """A module that has a `keep` is not let go: see parts.drop()."""
    names = [node.name for node in ast.parse(path.read_text()).body if hasattr(node, "name")]
    assert "keep" not in names
