"""What commands print for people: whole names, no boxes, and colours on a terminal alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from host_tests.kit.cloud_commands import run
from host_tests.kit.member import Member
from host_tests.kit.raw_mqtt import PK, SECRET
from host_tests.kit.terminal import AtTerminal
from tools.cloud import LocalCloud

LONG = "a_name_of_sixty_characters_" + "x" * 33
WHY = "E66 too-large: the image does not fit the slot, " + "and this is told at length " * 2


def prepare(cloud: LocalCloud) -> None:
    cloud.faults.lift_limits()
    cloud.add_device(PK, LONG, SECRET)
    cloud.add_release(PK, "1.1.0", b"image")
    with Member(cloud, LONG) as device:
        device.hears_nothing()
        cloud.push(PK, LONG, "1.1.0")
        device.pushed()
        device.says(f"/ota/device/progress/{PK}/{LONG}", step="-1", desc=WHY)
        device.hears_nothing()


@pytest.mark.parametrize("words", [["status"], ["task", "list"], ["device", "history", PK, LONG]])
def test_in_a_pipe_nothing_is_cut_or_drawn(
    cloud: LocalCloud, tmp_path: Path, words: list[str]
) -> None:
    told = run(*words, "--folder", str(tmp_path))
    assert WHY.strip() in told
    assert told.isascii()
    assert "\x1b" not in told
    if words != ["device", "history", PK, LONG]:
        assert LONG in told


def at_terminal(words: Sequence[str], **env: str) -> str:
    with AtTerminal(["tools.cloud", *words], columns=40, **env) as terminal:
        assert terminal.ends() == 0
        return terminal.said


def test_on_a_terminal_lists_have_a_head_and_colours_unless_unwanted(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    words = ["task", "list", "--folder", str(tmp_path)]
    told = at_terminal(words)
    assert "\x1b[31mFAILED\x1b[0m" in told
    assert "\x1b[2mdevice\x1b[0m" in told
    assert LONG in told  # the terminal wraps it, nobody cuts it
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        plain = at_terminal(words, **env)
        assert "FAILED" in plain
        assert plain.startswith("task  product")  # the head stays: it is no colour
        assert "\x1b" not in plain


def test_in_a_pipe_no_list_has_a_head_and_on_a_terminal_each_has(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    folder = ("--folder", str(tmp_path))
    for words, head in (
        (["status"], r"^  device +status +link +version$"),
        (["device", "list"], r"^product +device +status +version +seen$"),
        (["release", "show", PK, "1.1.0"], None),
        (["release", "list"], r"^product +version +module +from +size +files$"),
        (["task", "history", "1"], r"^time +state +progress +why$"),
    ):
        piped = run(*words, *folder)
        told = at_terminal([*words, *folder], NO_COLOR="1").replace("\r", "")
        assert (re.search(head, told, re.M) is not None) if head else "signed       no" in told
        if head:
            assert not re.search(head, piped, re.M), words
            left = re.sub(head + r"\n?", "", told, count=1, flags=re.M)
            assert left.split()[:3] == piped.split()[:3]


def test_an_upload_has_a_bar_where_a_person_looks_on_and_nothing_in_a_pipe(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    (tmp_path / "page.tar.gz").write_bytes(bytes(300_000))
    publish = ("--at", "desk", "release", "publish", PK)
    more = (str(tmp_path / "page.tar.gz"), "--module", "assets", "--new-module", "--no-verify")
    told = at_terminal([*publish, "1", *more, "--folder", str(tmp_path)])
    assert "page.tar.gz" in told.split("package")[0]
    assert "page.tar.gz" not in run(*publish, "2", *more, "--folder", str(tmp_path))


def test_help_has_colours_on_a_terminal_alone(tmp_path: Path) -> None:
    words = ["task", "list", "--help"]
    told = at_terminal(words)
    assert "\x1b[1mexamples:\x1b[0m" in told
    assert "\x1b[36m  python -m tools.cloud task list\x1b[0m" in told
    assert "\x1b[32m  --json\x1b[0m" in told
    assert "\x1b" not in at_terminal(words, NO_COLOR="1")
    assert "\x1b" not in run(*words)
