"""Private names made short: nothing that a board runs may change its meaning by it."""

from __future__ import annotations

import ast
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tools.imagelib.application import ALINK
from tools.imagelib.shorten import shorten

SOURCES = {str(path.relative_to(ALINK)): path.read_bytes() for path in ALINK.rglob("*.py")}
_SHORT = re.compile(r"_\d+")


def names(source: bytes) -> list[str]:
    """Every name, attribute, argument and definition of a source, in a fixed order."""
    found = []
    for node in ast.walk(ast.parse(source)):
        for field in ("id", "attr", "arg", "name"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                found.append(value)
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
    assert all(old == new or _SHORT.fullmatch(new) for old, new in pairs)
    assert sum(old != new for old, new in pairs) > 100


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
    own = re.findall(rb"self\.(_\d+)", made["base"])
    mine = re.findall(rb"self\.(_\d+)", made["derived"])
    assert own
    assert mine
    assert own != mine


def test_what_a_text_leads_to_and_what_is_public_stays() -> None:
    source = b"def _called():\n    pass\n\nNAME = '_called'\ndef public(_arg):\n    return _arg\n"
    made = shorten({"one": source})["one"]
    assert made.count(b"_called") == 2
    assert b"def public(_0):" in made


def test_lines_stay_where_they_are(short: dict[str, bytes]) -> None:
    for module in SOURCES:
        assert short[module].count(b"\n") == SOURCES[module].count(b"\n"), module


def test_images_may_be_built_in_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: shorten(SOURCES), range(16)))
    assert all(one == made[0] for one in made)
