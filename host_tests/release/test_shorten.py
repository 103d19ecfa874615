"""Names made few: nothing that a board runs may change its meaning by it."""

from __future__ import annotations

import ast
import gc
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools.dev import stock
from tools.images.application import ALINK
from tools.images.compile import compile_mpy
from tools.images.kept_names import FOREIGN, PUBLIC, SPARE
from tools.images.shorten import parse, shorten, table

SOURCES = {str(path.relative_to(ALINK)): path.read_bytes() for path in ALINK.rglob("*.py")}
ROOT = ALINK.parents[1]

# Words of README's example that are its own names.
LOCAL = {"after", "chip", "last", "payload", "python", "seconds", "told", "wrong"}

# Pages that say nothing about what runs on a board.
DESK = {"cloud.md", "package.md", "platform-api.md", "rollouts.md"}

# MicroPython's modules that alink uses.
STUBBED = set(
    re.findall(
        r"\w+",
        """
        binascii builtins deflate esp32 gc hashlib io json machine micropython network ntptime os
        random requests select socket ssl struct sys time tls umqtt vfs
        """,
    )
)

# What the stubs call an argument that is given by its place, or is a type of theirs.
HARMLESS = set(
    re.findall(
        r"\w+",
        """
        Module _args address before depth hook instance length low offset options seconds table
        """,
    )
)


def stubs() -> set[str]:
    """Every name that MicroPython's stubs define."""
    found: set[str] = set()
    for place in sys.path:
        for path in Path(place).glob("**/*.pyi") if place.endswith("site-packages") else ():
            if path.parts[-2] in STUBBED or path.stem in STUBBED:
                found.update(names(path.read_bytes()))
    return found


def names(source: bytes) -> list[str]:
    """Every name, attribute, argument and definition of a source, in a fixed order."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.alias) and node.name == "const":
            continue  # the compiler's own: the board does not import it
        for field in ("id", "attr", "arg", "name"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                found.append(value)
    return found


def reached(source: bytes) -> set[str]:
    """What a program has to do with others by: attributes, what it imports, keywords."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update(part for one in node.names for part in one.name.split("."))
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "ask":
            second = node.args[1]
            if isinstance(second, ast.Constant):
                found.add(str(second.value))
        if isinstance(node, ast.keyword) and node.arg:
            found.add(node.arg)
        elif isinstance(node, ast.ClassDef):  # boot.py's Trial
            found.update(one.name for one in node.body if isinstance(one, ast.FunctionDef))
    return found


@pytest.fixture(scope="module")
def short() -> dict[str, bytes]:
    return shorten(SOURCES)


def test_a_name_gets_one_new_name_and_keeps_it_in_every_module(short: dict[str, bytes]) -> None:
    pairs = {
        (old, new)
        for module in SOURCES
        for old, new in zip(names(SOURCES[module]), names(short[module]), strict=True)
    }
    olds = [old for old, _ in pairs]
    assert len(olds) == len(set(olds)), "one old name has two new ones"
    assert all(old == new or new in SPARE or re.fullmatch(r"_\d+", new) for old, new in pairs)
    assert sum(old != new for old, new in pairs) > 300


def test_two_names_of_one_module_never_become_one(short: dict[str, bytes]) -> None:
    for module in SOURCES:
        pairs = set(zip(names(SOURCES[module]), names(short[module]), strict=True))
        news = [new for _, new in pairs]
        assert len(news) == len(set(news)), module


def test_a_class_and_its_base_in_another_module_do_not_share_a_name() -> None:
    made = shorten(
        {
            "base": b"class Base:\n    def __init__(self):\n        self._own = 1\n",
            "derived": b"class Derived(Base):\n    def more(self):\n        self._mine = 2\n",
        }
    )
    own = re.findall(rb"self\.(\w+)", made["base"])
    mine = re.findall(rb"self\.(\w+)", made["derived"])
    assert own
    assert mine
    assert own != mine


def test_what_a_text_leads_to_and_what_is_public_stays() -> None:
    source = (
        b"def _called():\n    pass\n\nNAME = '_called'\n"
        b"def inner(_arg):\n    return _arg\ndef poll(inner):\n    return ask('one', 'inner')\n"
    )
    made = shorten({"one": source})["one"]
    assert made.count(b"_called") == 2
    assert b"def poll(" in made
    new = re.search(rb"ask\('one', \"(\w+)\"\)", made)
    assert new is not None
    assert b"def " + new[1] + b"(" in made, "a function that is called by its name has another"
    assert b"inner" not in made


def test_no_constant_is_left_in_the_ram_of_a_board(short: dict[str, bytes]) -> None:
    """The compiler forgets a constant that begins with `_`, and needs no `const` on the board."""
    for module, source in short.items():
        private = re.findall(r"^(_\w+) = const\(", SOURCES[module].decode(), re.MULTILINE)
        assert re.findall(r"^(_\w+) = const\(", source.decode(), re.MULTILINE) == private, module
        code = compile_mpy(source, "one", Path(module), numbered=False)
        left = [name for name in [*private, "const"] if name.encode() + b"\0" in code]
        assert not left, module


def test_what_an_application_may_use_keeps_its_name() -> None:
    """The words of README, docs and the board's other programs, as far as alink has them."""
    own = set().union(*(set(names(source)) for source in SOURCES.values()))
    said: set[str] = set()
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        if page.name in DESK:
            continue
        text = page.read_text()
        for code in re.findall(r"```python(.*?)```", text, re.DOTALL):
            said.update(re.findall(r"\w+", code))
        said.update(word for code in re.findall(r"`([^`\n]*)`", text) for word in code.split("."))
        said.update(re.findall(r"`(\w+)\(", text))
    programs = [
        ROOT / "micropython" / "main.py",
        ROOT / "micropython" / "boot.py",
        *(ROOT / "micropython" / "examples").glob("*.py"),
        ROOT / "tools" / "images" / "main_template.py",
        ROOT / "tools" / "images" / "end_template.py",
        *(ROOT / "tools" / "flashing" / "on_board").glob("*.py"),
    ]
    for path in programs:
        said.update(reached(path.read_bytes()))
    exchanged = {old for pairs in table(SOURCES).values() for old in pairs.values()}
    assert own & said & exchanged - LOCAL == set()
    assert not (PUBLIC | FOREIGN) & exchanged


def test_what_the_docstrings_tell_of_keeps_its_name() -> None:
    """Methods and arguments of what an application makes or derives from."""
    own = {"set_state", "feed_all", "settle", "call"}  # of Updater: the package's own
    missing = set()
    for module, kind in (
        ("device", "Device"),
        ("updater", "Updater"),
        ("target", "Target"),
        ("nvs", "Store"),
        ("errors", "AlinkError"),
        ("files/files", "FilesTarget"),
        ("job/https", "Source"),
        ("job/blocks", "MqttSource"),
    ):
        tree = ast.parse(SOURCES[f"{module}.py"])
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name == kind:
                for one in node.body:
                    if not isinstance(one, ast.FunctionDef) or one.name in own:
                        continue
                    if one.name == "__init__" or not one.name.startswith("_"):
                        arguments = one.args.args + one.args.kwonlyargs
                        missing |= {argument.arg for argument in arguments} | {one.name}
    exchanged = {old for pairs in table(SOURCES).values() for old in pairs.values()}
    assert not {name for name in missing if not name.startswith("_")} & exchanged


def test_no_name_that_the_firmware_looks_for_is_exchanged() -> None:
    """MicroPython's stubs name what its modules and classes have and what they are called with."""
    exchanged = {old for pairs in table(SOURCES).values() for old in pairs.values()}
    assert stubs() & exchanged - HARMLESS == set()


def test_what_stands_in_is_a_name_that_stock_firmware_has() -> None:
    assert len(set(SPARE)) == len(SPARE)
    used = {name for source in SOURCES.values() for name in names(source)}
    assert not used & set(SPARE), "alink uses it: another stands in, and this one need not be here"
    image = stock.merged_image()
    if not image.real:
        pytest.skip("no stock firmware here, and a synthesised one has no names")
    missing = [name for name in SPARE if b"\0" + name.encode() + b"\0" not in image.data]
    assert not missing


def test_lines_stay_where_they_are(short: dict[str, bytes]) -> None:
    for module in SOURCES:
        assert short[module].count(b"\n") == SOURCES[module].count(b"\n"), module


def test_images_may_be_built_in_threads() -> None:
    def collected(phase: str, info: dict[str, int]) -> None:
        time.sleep(0)  # in the middle of a tree: the next thread's turn

    some = sorted(SOURCES.values())[:40]
    gc.callbacks.append(collected)
    try:
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(parse, some))
    finally:
        gc.callbacks.remove(collected)
    assert [ast.dump(tree) for tree in made] == [ast.dump(ast.parse(one)) for one in some]
