"""README.zh-CN.md is README.md: the same commands, program, figures, links and names in it."""

from __future__ import annotations

import ast
import re
import shlex

from host_tests.kit.rig import ROOT

ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
HAN = re.compile(r"[\u4e00-\u9fff]")
_BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


def commands(page: str) -> list[list[str]]:
    """The words of each command, without comments."""
    found = []
    for language, block in _BLOCK.findall(page):
        if not language:
            lines = re.sub(r"\\\n\s*", "", block).splitlines()
            found += [shlex.split(line, comments=True) for line in lines]
    return [words for words in found if words]


def programs(page: str) -> list[str]:
    """Each program as Python reads it."""
    return [ast.dump(ast.parse(block)) for language, block in _BLOCK.findall(page) if language]


def text(page: str) -> str:
    """What stands around the blocks."""
    return _BLOCK.sub("", page)


def test_the_commands_of_both_pages_are_the_same() -> None:
    assert len(commands(ENGLISH)) > 10
    assert commands(CHINESE) == commands(ENGLISH)


def test_the_program_of_both_pages_is_the_same() -> None:
    assert len(programs(ENGLISH)) == 1
    assert programs(CHINESE) == programs(ENGLISH)


def test_both_pages_lead_to_the_same_places_and_to_each_other() -> None:
    def links(page: str) -> list[str]:
        return sorted(re.findall(r"\]\(([^)\s]+)\)", page))

    assert "README.zh-CN.md" in links(ENGLISH)
    assert "README.md" in links(CHINESE)
    others = {"README.md", "README.zh-CN.md"}
    assert set(links(CHINESE)) - others == set(links(ENGLISH)) - others


def test_both_pages_name_the_same_options_files_and_figures() -> None:
    def names(page: str) -> set[str]:
        return set(re.findall(r"`([^`\n]+)`", text(page)))

    def figures(page: str) -> list[str]:
        return re.findall(r"\d[\d,.]*", "".join(re.findall(r"^\|.*$", page, re.MULTILINE)))

    def heap(page: str) -> list[str]:
        return re.findall(r"(\d+) KB|MQTT (?:时为 )?(\d+)", text(page))

    assert names(CHINESE) == names(ENGLISH)
    assert figures(CHINESE) == figures(ENGLISH)
    kilobytes = [number for pair in heap(ENGLISH) for number in pair if number]
    assert len(kilobytes) == 6
    assert [number for pair in heap(CHINESE) for number in pair if number] == kilobytes


def test_the_chinese_page_is_whole_and_chinese() -> None:
    heads = re.findall(r"^## .+$", text(CHINESE), re.MULTILINE)
    assert len(heads) == len(re.findall(r"^## .+$", text(ENGLISH), re.MULTILINE))
    paragraphs = [one for one in re.split(r"\n(?=[\n*|#])", text(CHINESE)) if one.strip()]
    plain = [one for one in paragraphs if not HAN.search(one) and not re.match(r"\s*\|", one)]
    assert [one.strip() for one in plain] == ["# alink"]
    assert len(re.findall(r"^\* ", CHINESE, re.MULTILINE)) == len(
        re.findall(r"^\* ", ENGLISH, re.MULTILINE)
    )
