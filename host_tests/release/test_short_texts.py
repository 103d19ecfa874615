"""Texts of parts that are let go: they mean the same, and leave no name on the board."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from host_tests.kit.names import left_names
from tools.images.application import ALINK, LOADER
from tools.images.short_texts import FIRMWARE, unnamed

SOURCES = {
    f"alink/{path.relative_to(ALINK).as_posix()[:-3]}": path.read_bytes()
    for path in ALINK.rglob("*.py")
}


def one(text: str, module: str = "alink/job/run", loader: str = "") -> str:
    """What becomes of the source of one module."""
    return unnamed({module: text.encode()}, loader.encode())[module].decode()


def put_back(source: bytes) -> str:
    """The syntax tree of a source, pieces of longer texts worked out."""

    class Whole(ast.NodeTransformer):
        def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
            self.generic_visit(node)
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                assert isinstance(node.slice, ast.Slice)
                assert isinstance(node.slice.upper, ast.Constant)
                end = node.slice.upper.value
                assert isinstance(end, int)
                return ast.Constant(node.value.value[:end])
            return node

    return ast.dump(Whole().visit(ast.parse(source)))


def test_alink_says_the_same_with_fewer_names() -> None:
    made = unnamed(SOURCES, LOADER.read_bytes())
    changed = [module for module in SOURCES if made[module] != SOURCES[module]]
    assert len(changed) > 20
    for module, source in SOURCES.items():
        assert put_back(made[module]) == ast.dump(ast.parse(source)), module
        assert len(made[module].splitlines()) == len(source.splitlines()), module


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ('say("on trial")\n', "say('on trial   '[:8])\n"),
        ('say(what="%s/%s" % 1)\n', "say(what='%s/%s      '[:5] % 1)\n"),
        ('return_ = {"isDiff": "a b"}\n', "return_ = {'isDiff     '[:6]: 'a b        '[:3]}\n"),
        ('say("ümlaut")\n', "say('\\xfcmlaut     '[:6])\n"),
        ('say("abc" "def")\n', "say('abcdef     '[:6])\n"),
    ],
)
def test_a_short_text_is_a_piece_of_a_longer_one(text: str, made: str) -> None:
    assert one(text) == made


@pytest.mark.parametrize(
    "text",
    [
        'say("ab")\n',  # the name takes less
        'say("eleven char")\n',  # an object anyway
        'say("http:")\n',  # the firmware has it
        '_KEY = const("alink_x")\n',
        'WORDS = ("one two", "three 3")\n',  # made before anything runs
        'def f():\n    "Says it."\n',
        'def f(a: "Type A") -> "Type B":\n    pass\n',
        'parts.ask("job.what", "function")\n',
        'getattr(one, "attr x")\n',
        'say(f"{one} is")\n',
        'say("word")\nword = 1\n',  # it is a name by that alone
        'say(b"on trial")\n',
    ],
)
def test_what_is_no_name_or_one_anyway_stays_as_it_is(text: str) -> None:
    assert one(text) == text


def test_what_an_idle_board_has_and_what_the_loader_says_stay_names() -> None:
    text = 'say("on trial")\n'
    assert one(text, "alink/device") == text
    assert one(text, loader='x = "on trial"\n') == text
    whole = unnamed({"alink/log": text.encode(), "alink/clock": text.encode()}, b"")
    assert whole["alink/clock"] == text.encode(), "it is there in any case"


def test_a_board_keeps_no_name_of_a_text_that_was_let_go(tmp_path: Path) -> None:
    source = b'def f():\n    return "no such!", "%s?%s" % (1, 2), {"a key": 1}["a key"]\n'
    made = unnamed({"alink/part": source}, b"")["alink/part"]
    said, names = left_names(tmp_path, source)
    assert {"Q(no such!)", "Q(%s?%s)", "Q(a key)"} <= names
    again, few = left_names(tmp_path, made)
    assert again == said == "('no such!', '1?2', 1)"
    assert not {"Q(no such!)", "Q(%s?%s)", "Q(a key)"} & few


def test_the_firmwares_texts_are_texts_of_alink() -> None:
    said = {
        node.value
        for source in SOURCES.values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert said >= FIRMWARE
