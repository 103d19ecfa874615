"""README and docs: each command works, each path is there, each error is as it is told."""

from __future__ import annotations

import argparse
import ast
import re
import runpy
import shlex
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest

from host_tests.kit.images import make_image
from host_tests.kit.rig import ROOT
from tools.images import build_image

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGES.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "micropython" / "examples" / "README.md",
]
SHOWN = {page: page.read_text(encoding="utf-8") for page in PAGES}
TARGETS = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

# What these pages' tests only parse, and why.
NOT_RUN = {
    "python tools/flash.py": "needs a board: test_readme.py, flashing/test_tool_path.py",
    "python -m tools.cloud serve": "goes on until Ctrl-C: test_readme.py, cloud/test_cli.py",
    "python -m tools.cloud watch": "goes on until Ctrl-C: cloud/test_watch.py",
    "python -m tools.cloud push a1B2c3D4e5F greenhouse_07 1.1.0 --override --wait": "needs a "
    "server: cloud/test_push_wait.py",
    "python -m tools.cloud topic": "needs a server: cloud/test_topics_cli.py",
    "python -m tools.sim run": "goes on until power is taken away: sim/test_board.py",
    "make": "what a target does has tests of its own (bench, fuzz, powercut, ...), or is them",
}
# And of other programs, which are not here to be asked.
FOREIGN = {
    "mosquitto -c": "not every computer has it: cloud/test_mosquitto.py",
    ".venv/bin/python -m pytest": "it is what runs this",
}
# README's, and those of trying.md and small-updates.md, are run by test_readme.py, word by word.
RUN_HERE = ("cloud.md", "modules.md", "security.md")


@dataclass(frozen=True)
class Command:
    """A line of a page that a person types."""

    page: Path
    line: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.line}"

    @property
    def words(self) -> list[str]:
        """Without comment, `&` and the path of the environment."""
        words = shlex.split(self.line, comments=True)
        return [word for word in words if word != "&"]


def commands(page: Path) -> list[Command]:
    """The commands of a page's blocks, but for drawings and programs."""
    found = []
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", SHOWN[page], re.MULTILINE | re.DOTALL)
    for language, block in blocks:
        if not language and re.match(r"(make|python|\. |export|mkdir|mosquitto)", block):
            lines = re.sub(r"\\\n\s*", "", block).splitlines()
            found += [Command(page, line) for line in lines]
    return [one for one in found if one.words]


ALL = [command for page in PAGES for command in commands(page)]


class Parsed(BaseException):
    """The arguments were understood: nothing is to be done with them."""


def understood(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a tool of ours until its parser has taken these words; Parsed when it has."""
    parse = argparse.ArgumentParser.parse_args

    def parsed(parser: argparse.ArgumentParser, *arguments: object, **more: object) -> None:
        parse(parser, *arguments, **more)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)
    run(words, monkeypatch)


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What `python` does with these words, in this process."""
    if words[0] == "-m":
        monkeypatch.setattr(sys, "argv", words[1:])
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        monkeypatch.setattr(sys, "argv", words)
        runpy.run_path(str(ROOT / words[0]), run_name="__main__")


@pytest.mark.filterwarnings("ignore:.*found in sys.modules after import")
@pytest.mark.parametrize("command", ALL, ids=str)
def test_a_command_that_is_shown_is_one_that_its_tool_takes(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = command.words
    if words[0] == "make":
        assert words[1] in TARGETS
    elif command.line.startswith(tuple(FOREIGN)):
        return
    elif words[0] == "python":
        with pytest.raises(Parsed):
            understood(words[1:], monkeypatch)
    else:
        assert words[0] in {".", "export", "mkdir"}, "who runs this?"


@pytest.mark.filterwarnings("ignore:.*found in sys.modules after import")
@pytest.mark.parametrize("name", RUN_HERE)
def test_the_commands_of_a_page_can_be_typed_one_after_the_other(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a server: what has to be sent waits for one."""
    monkeypatch.chdir(tmp_path)
    typed = [
        one
        for one in commands(ROOT / "docs" / name)
        if not one.line.startswith((*NOT_RUN, *FOREIGN))
    ]
    named = sorted({word for one in typed for word in one.words})
    for seed, word in enumerate(named):
        if word.endswith((".bin", ".tar.gz")):
            made = make_image(16384, seed=seed)
            if release := re.fullmatch(r"release-([\d.]+)\.bin", word):
                made = build_image(made, application(tmp_path), release[1])
            (tmp_path / word).write_bytes(made)
    for word in named:
        if found := re.fullmatch(r"(.*)-([\d.]+)-from-([\d.]+)\.alp", word):
            new, old = (f"{found[1]}-{version}.bin" for version in found.group(2, 3))
            done(["tools/image.py", "pack", new, "--from", old, "-o", word], monkeypatch)
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "page.html").write_text("hello")
    added = [one.words[-1] for one in typed if one.words[3:5] == ["device", "add"]]
    for device in {"greenhouse_07", "roof_1", "roof_2"} - set(added):
        done(["-m", "tools.cloud", "device", "add", "a1B2c3D4e5F", device], monkeypatch)
    if name != "security.md":  # which tells how it is made
        done(["tools/image.py", "sign", "--new-key", "owner.pem"], monkeypatch)
    assert len(typed) >= 2
    for command in typed:
        done(command.words[1:], monkeypatch)


def application(folder: Path) -> Path:
    """A folder with an application in it."""
    made = folder / "an_application"
    made.mkdir(exist_ok=True)
    (made / "main.py").write_text("print('hello')")
    return made


def done(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a tool of ours in this process; it has to end well."""
    with pytest.raises(SystemExit) as ended:
        run(words, monkeypatch)
    assert not ended.value.code, words


def inline() -> list[tuple[Path, str]]:
    """What stands in the text between back-ticks."""
    return [
        (page, code)
        for page, text in SHOWN.items()
        for code in re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    ]


def test_what_the_text_says_of_make_and_the_tools_verbs_is_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verbs = set()
    for page, code in inline():
        if found := re.match(r"make ([a-z]+)", code):
            assert found[1] in TARGETS, (page, code)
        if found := re.match(r"(?:tools/)?(flash|image)\.py ([a-z]+)", code):
            verbs.add((found[1], found[2]))
    assert len(verbs) > 5
    for tool, verb in sorted(verbs):
        with pytest.raises(SystemExit) as ended:
            understood([f"tools/{tool}.py", verb, "--help"], monkeypatch)
        assert ended.value.code == 0, (tool, verb)
    capsys.readouterr()


def test_every_path_and_link_leads_somewhere() -> None:
    missing = []
    places = ("micropython/", "tools/", "host_tests/", "boards/", "docs/")
    for page, code in inline():
        path = code.split()[0].rstrip(":")
        if (
            path.startswith(places)
            and re.fullmatch(r"[\w./-]+", path)
            and not (ROOT / path).exists()
        ):
            missing.append((page.name, path))
    for page, text in SHOWN.items():
        for link in re.findall(r"\]\(([^)#\s]+)\)", text):
            if "://" not in link and not (page.parent / link).exists():
                missing.append((page.name, link))
    assert missing == []


def test_every_page_is_in_the_index() -> None:
    index = SHOWN[ROOT / "docs" / "README.md"]
    names = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {name for name in names if f"({name})" not in index} == set()
    readme = SHOWN[ROOT / "README.md"]
    assert len(readme.splitlines()) <= 151


def rows(title: str) -> list[list[str]]:
    """The table below a heading of the page on troubleshooting, without its head."""
    text = SHOWN[ROOT / "docs" / "troubleshooting.md"].split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def test_every_error_code_is_told_with_its_step_and_advice() -> None:
    files = (ROOT / "micropython" / "alink" / "advice").glob("*.py")
    source = "".join(file.read_text(encoding="utf-8") for file in files)
    table = re.findall(r"^(\d+ [a-z-]+) (-\d) (.+)$", source, re.MULTILINE)
    table.sort(key=lambda row: int(row[0].split()[0]))
    assert len(table) > 50
    assert rows("Error codes") == [[f"E{error}", step, what] for error, step, what in table]


@lru_cache(maxsize=1)
def texts() -> list[str]:
    """Every text of tools and board, with a zero where something is put in."""
    found = []
    folders = ("tools", "micropython")
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (getattr(part, "value", "\0") for part in node.values)
                found.append("".join(p if isinstance(p, str) else "\0" for p in parts))
    return found


def said(text: str) -> bool:
    """Whether one text of the sources has all pieces of this one, in their order."""
    pieces = [re.escape(piece) for piece in re.split(r"\s*\.\.\.[,:]?\s*", text) if piece]
    shape = re.compile(".*".join(pieces), re.DOTALL)
    return bool(pieces) and any(shape.search(one) for one in texts())


@pytest.mark.parametrize("title", ["The tools", "The board's console"])
def test_what_is_said_to_be_said_is_said(title: str) -> None:
    shown = [code for row in rows(title) for code in re.findall(r"`([^`]+)`", row[0])]
    assert len(shown) > 10
    assert not said("no text of ours")
    assert [text for text in shown if not said(text)] == []


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.zh-CN.md"], ids=lambda page: page.name)
def test_what_a_page_exports_holds_in_every_folder(page: Path) -> None:
    """A path that is none from / on breaks with the first `cd`."""
    for value in re.findall(r"PYTHONPATH=(\S+)", page.read_text(encoding="utf-8")):
        assert value == '"$PWD"'
