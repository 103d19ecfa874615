"""Where options stand, and how they are spelled: what is typed otherwise is told how it goes."""

from __future__ import annotations

import ast
import json
import shlex
from pathlib import Path

import pytest

from host_tests.kit.rig import ROOT
from tools import alink


def refused(line: str, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """(usage, what is wrong and what to do) of wrong usage."""
    with pytest.raises(SystemExit) as ended:
        alink.main(shlex.split(line))
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    usage, _, error = said.err.partition("error: ")
    return usage, error.strip()


@pytest.mark.parametrize(
    ("typed", "instead"),
    [
        ("cloud --folder F serve", "cloud serve --folder F"),
        ("cloud --folder=F serve", "cloud serve --folder=F"),
        ("cloud --folder 'a b' push PK DN 1", "cloud push PK DN 1 --folder 'a b'"),
        ("cloud device --folder F list", "cloud device list --folder F"),
        ("cloud --at desk --folder F task list J", "cloud --at desk task list J --folder F"),
        ("cloud --folder F --at desk task list J", "cloud --at desk task list J --folder F"),
        ("cloud --folder F", "cloud VERB --folder F"),
        ("sim --force create a.bin", "sim create a.bin --force"),
        ("flash -p /dev/ttyUSB0 check", "flash check -p /dev/ttyUSB0"),
    ],
)
def test_an_option_in_front_of_its_verb_is_told_where_it_goes(
    typed: str, instead: str, capsys: pytest.CaptureFixture[str]
) -> None:
    usage, error = refused(typed, capsys)
    option = next(word for word in typed.split() if word[0] == "-" and word != "--at")
    assert error == (
        f"{option.partition('=')[0]} stands in front of the verb. "
        f"Options go behind it: `alink {instead}`."
    )
    assert usage.startswith("usage: alink ")


@pytest.mark.parametrize("typed", ["--json cloud status", "cloud --json status"])
def test_a_program_that_asks_for_json_in_front_of_the_verb_reads_json(
    typed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        alink.main(typed.split())
    assert ended.value.code == 2
    told = json.loads(capsys.readouterr().err)
    assert told["advice"] == "Options go behind it: `alink cloud status --json`."


def test_the_place_may_stand_behind_the_verb_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in (
        "--at nowhere task list JOB",
        "task list --at nowhere JOB",
        "task list JOB --at=x",
    ):
        assert alink.main(["cloud", *line.split(), "--folder", str(tmp_path)]) == 1
        assert "is no place" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "half"),
    [
        ("cloud status --fold x", "--fold x"),
        ("cloud --at desk task list JOB --stat FAILED", "--stat FAILED"),
        ("image inspect x.bin --js", "--js"),
        ("flash status --js", "--js"),
        ("sim status x.bin --js", "--js"),
        ("--vers cloud", "--vers"),
    ],
)
def test_half_an_option_is_refused_before_it_can_mean_another(
    typed: str, half: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, error = refused(typed, capsys)
    assert half in error
    assert " --help` tells" in error or "Options go behind it" in error


@pytest.mark.parametrize(
    "typed",
    [
        "flash provision --device-secret S3CRET --json",
        "flash provision --device-secret=S3CRET",
        "flash --device-secret S3CRET provision --json",
        "flash --device-secret S3CRET",
        "--device-secret S3CRET flash provision",
    ],
)
def test_a_secret_given_as_an_option_is_not_said_again(
    typed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        alink.main(typed.split())
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert "--device-secret" in said.err
    assert "S3CRET" not in said.err + said.out


def test_no_command_of_a_checkout_takes_half_an_option() -> None:
    takes = []
    for path in sorted([*(ROOT / "tools").rglob("*.py"), *(ROOT / "host_tests/long").rglob("*")]):
        if path.suffix != ".py" or path == ROOT / "tools/cli.py":
            continue  # (in cli.py it is a setting of the class)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("ArgumentParser"):
                said = {one.arg: ast.unparse(one.value) for one in node.keywords}
                takes.append((path.name, said.get("allow_abbrev")))
    assert takes
    assert [name for name, said in takes if said != "False"] == []
