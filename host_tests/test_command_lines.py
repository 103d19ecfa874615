"""What a person types, and how it ends: help that teaches, one sentence for what is refused."""

from __future__ import annotations

import argparse
import errno
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from host_tests.kit.firmware_files import application, merged
from host_tests.kit.images import make_image
from host_tests.kit.mock_rom import MockRom
from host_tests.kit.rig import ROOT
from tools import alink, cli
from tools.cli import Program, Refused, Verb
from tools.flashing.serial_board import SerialBoard
from tools.images import build as image_build
from tools.programs import ALL, FLASH, IMAGE, PLATFORM, SIM

VERBS: list[tuple[Program, Verb]] = [
    (program, verb) for program in (*ALL, PLATFORM) for verb in import_module(program.verbs).VERBS
]
NAMES = [f"{program.typed} {verb.NAME}" for program, verb in VERBS]


def named(program: Program, name: str) -> Verb:
    return next(verb for one, verb in VERBS if one is program and name == verb.NAME)


def helped(program: Program, words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        program.main([*words, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


# --- help ---


@pytest.mark.parametrize("columns", [1, 2, 5, 11, 20, 40, 80, 200])
def test_help_is_there_on_a_terminal_of_any_width(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for program, verb in VERBS:
        assert "examples:" in helped(program, verb.NAME.split(), capsys)
    for program in ALL:
        assert program.typed in helped(program, [], capsys)


@pytest.mark.parametrize(("program", "verb"), VERBS, ids=NAMES)
def test_every_example_of_the_help_can_be_typed(program: Program, verb: Verb) -> None:
    parser = argparse.ArgumentParser(prog=program.typed)
    program.fill(parser)
    lines = re.sub(r"\\\n\s*", "", verb.EXAMPLES).splitlines()
    start = program.typed.removesuffix(" desk")
    typed = [line for line in lines if line.startswith(start)]
    assert verb.run in [parsed(parser, program, line).run for line in typed]


def parsed(parser: argparse.ArgumentParser, program: Program, line: str) -> argparse.Namespace:
    """The arguments of a line, without the remark behind three spaces or a redirection."""
    line = re.sub(r"--at \S+", "--at desk", line)
    command = re.split(r"\s{3,}\S+ \S+ |\s{3,}(?=[a-z]+ )| > | \| ", line + " ")[0]
    words = shlex.split(command)[len(program.typed.split()) :]
    place = ["--at", "desk"] if program is PLATFORM else []
    return parser.parse_args([*words, *place])


def test_under_alink_help_and_advice_name_the_commands_of_alink(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for program in ALL:
        with pytest.raises(SystemExit):
            alink.main([program.name, "--help"])
        said = capsys.readouterr().out
        assert f"  alink {program.name} " in said
        assert ".py " not in said.replace("micropython/boot.py", "")
        assert "python -m" not in said
    assert alink.main(["cloud", "watch", "--folder", str(tmp_path)]) == 1
    assert "`alink cloud serve --folder" in capsys.readouterr().err
    assert alink.main(["sim", "create", str(tmp_path / "desk.bin")]) == 0
    assert "run it with: alink sim run" in capsys.readouterr().out
    assert SIM.main(["create", str(tmp_path / "desk.bin"), "--force"]) == 0
    assert "run it with: python -m tools.sim run" in capsys.readouterr().out


@pytest.mark.parametrize(("program", "verb"), VERBS, ids=NAMES)
def test_under_alink_the_help_of_a_verb_names_its_commands_too(
    program: Program, verb: Verb, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--at", "desk"] if program is PLATFORM else []
    with pytest.raises(SystemExit):
        alink.main([program.name, *place, *verb.NAME.split(), "--help"])
    said = capsys.readouterr().out
    assert f"  alink {program.name} " in said
    assert not re.search(r"\b(flash|image)\.py|python -m tools\.(cloud|sim|image)\b", said)


@pytest.mark.parametrize("program", ALL, ids=lambda one: one.name)
def test_without_a_word_the_help_is_shown_as_wrong_usage(
    program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main([]) == 2
    assert program.typed in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        program.main(["no-such-verb"])
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("words", "cause", "help_of"),
    [
        (["flash", "check", "x", "--board"], "argument --board", "alink flash check"),
        (["image", "inspect"], "required: file", "alink image inspect"),
        (["image", "inspect", "x", "--nosuch"], "arguments: --nosuch", "alink image inspect"),
        (["cloud", "task", "show", "one"], "invalid int value: 'one'", "alink cloud task show"),
        (["cloud", "no-such-verb"], "invalid choice", "alink cloud"),
        (["cloud", "--at", "desk", "task"], "required: ACTION", "alink cloud --at desk task"),
        (["sim", "status"], "required:", "alink sim status"),
        (["no-such-program"], "invalid choice", "alink"),
    ],
)
def test_wrong_usage_is_json_too_where_that_is_asked_for(
    words: list[str], cause: str, help_of: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        alink.main([*words, "--json"])
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    told = json.loads(said.err)
    assert told.keys() == {"error", "advice"}
    assert cause in told["error"]
    assert told["advice"] == f"`{help_of} --help` tells what it takes."
    with pytest.raises(SystemExit) as ended:
        alink.main(words)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"usage: {help_of} ")
    assert f"{help_of}: error: " in said.err
    assert f". `{help_of} --help` tells what it takes.\n" in said.err


# --- how a run ends ---


@pytest.mark.parametrize("number", [*cli._REMEDIES, errno.EIO, errno.ETIMEDOUT, None])
def test_what_the_system_refuses_is_told_with_something_to_do(
    number: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = OSError("gone") if number is None else OSError(number, os.strerror(number), "x.bin")
    words = failing(IMAGE, error, monkeypatch)
    monkeypatch.setattr(named(IMAGE, words[0]), "add_arguments", cli.json_option)
    assert IMAGE.main([*words, "--json"]) == 1
    told = json.loads(capsys.readouterr().err)
    assert told["error"]
    assert told["advice"].endswith(".")
    assert (os.getcwd() in told["advice"]) == (number == errno.ENOENT)


@pytest.mark.parametrize("json_too", [[], ["--json"]])
def test_a_disk_that_is_full_behind_standard_output_is_told(
    json_too: list[str], tmp_path: Path
) -> None:
    (tmp_path / "image.bin").write_bytes(make_image())
    tool, image = str(ROOT / "tools/image.py"), str(tmp_path / "image.bin")
    words = [sys.executable, tool, "inspect", image, *json_too]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=600, check=False
        )
    assert done.returncode == 1, done.stderr
    assert "No space left on device" in done.stderr
    assert "Make room there, or write to another place." in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Refused("it is broken", "Mend it."), "it is broken. Mend it."),
        (FileNotFoundError(2, "No such file or directory", "x.bin"), "x.bin: No such file"),
        (OSError("the port is gone"), "the port is gone"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "Save it as UTF-8."),
        (BrokenPipeError(32, "Broken pipe", "/dev/ttyUSB0"), "/dev/ttyUSB0: Broken pipe"),
    ],
)
@pytest.mark.parametrize("program", ALL, ids=lambda one: one.name)
def test_what_cannot_be_done_is_one_sentence_and_exit_code_1(
    program: Program,
    error: Exception,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = failing(program, error, monkeypatch)
    assert program.main(words) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"{program.name}: ")
    assert said in told
    assert told.count("\n") == 1


def failing(program: Program, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have a verb of a program end in an error; the words that run it."""
    words = ["explain"] if program is IMAGE else ["status", "x"] if program is SIM else ["status"]

    def run(options: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(named(program, words[0]), "run", run)
    return words


@pytest.mark.parametrize("program", ALL, ids=lambda one: one.name)
def test_ctrl_c_is_one_line_and_exit_code_130(
    program: Program, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(failing(program, KeyboardInterrupt(), monkeypatch)) == 130
    assert capsys.readouterr().err == f"{program.name}: stopped by Ctrl-C\n"


def test_who_has_read_enough_of_a_report_sees_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "image.bin").write_bytes(make_image())
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "image.py"), "inspect", str(tmp_path / "image.bin")],
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=600,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_file_whose_name_is_no_text_can_be_inspected(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/r\xe9l.bin"
    with open(name, "wb") as out:
        out.write(make_image())
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "flash.py"), "check", name],
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_settings_that_are_no_text_are_refused_by_their_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "board.env"
    path.write_bytes("device_name = Gew\xe4chshaus".encode("latin-1"))
    assert FLASH.main(["provision", "--file", str(path)]) == 1
    told = capsys.readouterr().err
    assert f"{path} is not text in UTF-8: line 1 holds the byte 0xe4. Save it as UTF-8." in told


def interrupted(monkeypatch: pytest.MonkeyPatch, place: object, name: str) -> Callable[[], bool]:
    """Ctrl-C as soon as this function is called; whether it was."""
    called = []

    def stop(*arguments: object, **more: object) -> None:
        called.append(name)
        os.kill(os.getpid(), signal.SIGINT)
        signal.sigwait(())  # never comes back: the handler's KeyboardInterrupt ends it

    monkeypatch.setattr(place, name, stop)
    return lambda: bool(called)


def test_ctrl_c_while_an_image_is_built_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "f.bin").write_bytes(make_image())
    application(tmp_path / "app")
    (tmp_path / "out").mkdir()
    out = tmp_path / "out" / "release.bin"
    stopped = interrupted(monkeypatch, image_build, "make_volume")
    given = ("--firmware", tmp_path / "f.bin", "--app", tmp_path / "app", "--version", "1", "-o")
    assert IMAGE.main(["build", *map(str, given), str(out)]) == 130
    assert stopped()
    assert capsys.readouterr().err == "image: stopped by Ctrl-C\n"
    assert list(out.parent.iterdir()) == []


def test_ctrl_c_while_a_board_is_flashed_says_that_it_is_incomplete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "f.bin").write_bytes(merged())
    application(tmp_path / "app")
    given = ("--firmware", tmp_path / "f.bin", "--app", tmp_path / "app", "--version", "1")
    stopped = interrupted(monkeypatch, SerialBoard, "write")
    with MockRom() as rom:
        words = ["flash", "--board", "ESP32_GENERIC", "--port", rom.port, *map(str, given)]
        assert FLASH.main(words) == 130
    assert stopped()
    assert "the board is incomplete" in capsys.readouterr().err


# --- without the environment ---


@pytest.mark.parametrize(
    "words",
    [
        ["tools/flash.py", "status"],
        ["tools/image.py", "inspect", "x"],
        ["-m", "tools.cloud", "serve"],
        ["-m", "tools.sim", "run", "x"],
        ["-m", "tools.demo"],
        ["-m", "tools.bench"],
        ["-m", "tools.dev.package", "dist"],
    ],
    ids=" ".join,
)
def test_a_tool_under_a_bare_python_names_make_env(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-S", *words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert "Run make env, then .venv/bin/python" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("room", ["operator", "platform"])
def test_a_command_of_the_cloud_does_not_wait_for_what_it_does_not_use(room: str) -> None:
    script = f"import sys, tools.cloud.{room}.verbs; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded >= {"tools", "argparse"}
    assert not loaded & {"asyncio", "cryptography", "rich", "starlette", "textual", "Tea"}


@pytest.mark.parametrize("name", ["flash.py", "image.py"])
def test_the_tools_can_be_run_as_they_stand(name: str) -> None:
    tool = ROOT / "tools" / name
    # As where .venv is active.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [tool, "--help"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "PATH": path},
    )
    assert done.returncode == 0, done.stderr
