"""`--json`: each verb has one shape, which docs/cloud.md tells, and nothing else is on stdout."""

from __future__ import annotations

import argparse
import json
import re
import signal
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit.cloud_commands import running
from host_tests.kit.firmware_files import application, merged
from host_tests.kit.images import make_image
from host_tests.kit.member import Member
from host_tests.kit.raw_mqtt import PK, SECRET
from host_tests.kit.rig import ROOT
from tools.cli import Program
from tools.cloud import LocalCloud
from tools.cloud.__main__ import main
from tools.images import build_image
from tools.programs import CLOUD, FLASH, IMAGE, PLATFORM, SIM
from tools.release import build_archive
from tools.release.pack import compress

PAGE = (ROOT / "docs" / "cloud.md").read_text(encoding="utf-8")
VERBS = {one: import_module(one.verbs).VERBS for one in (CLOUD, PLATFORM)}
NORTH, SOUTH = "north", "south"
TABLE = ROOT / "boards" / "ESP32_GENERIC" / "partitions.csv"
# Those that go on until they are interrupted.
GOES_ON = {"serve", "watch"}


def shapes(title: str) -> dict[str, tuple[str, set[str]]]:
    """Verb -> (object, list or lines; its keys), from the table below a title of the page."""
    section = PAGE.split(f"\n### {title}\n")[1].split("\n#")[0]
    found = {}
    for verbs, shape, keys in re.findall(r"^\| (`.+?) \| (\w+) \| (.+?) \|$", section, re.M):
        for verb in re.findall(r"`([^`]+)`", verbs):
            found[verb] = (shape, set(re.findall(r"`([^`]+)`", keys)))
    return found


class Typist:
    """Types commands with --json, and compares what they print with the page."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path, title: str) -> None:
        self.capsys = capsys
        self.folder = folder
        self.shapes = shapes(title)
        self.place = ["--at", "desk"] if title == "At the platform" else []
        self.typed: set[str] = set()

    def __call__(self, verb: str, *words: object, code: int = 0) -> Any:
        """What the verb says; of lines the last one."""
        self.capsys.readouterr()
        given = [*self.place, *verb.split(), *map(str, words), "--json"]
        assert main([*given, "--folder", str(self.folder)]) == code, self.capsys.readouterr()
        out = self.capsys.readouterr().out
        self.typed.add(verb)
        return self.check(verb, out)

    def check(self, verb: str, out: str) -> Any:
        """Whether this is what the page says; what it says."""
        shape, keys = self.shapes[verb]
        said = [json.loads(line) for line in out.splitlines()]
        assert said, verb
        if shape == "lines":
            for line in said:
                assert line.keys() <= keys, verb
            return said[-1]
        assert len(said) == 1, (verb, out)
        assert out.isascii()
        rows = said[0] if shape == "list" else [said[0]]
        assert isinstance(rows, list)
        assert rows, verb
        for row in rows:
            assert row.keys() == keys, verb
        return said[0]


def prepare(cloud: LocalCloud) -> None:
    cloud.faults.lift_limits()
    for name in (NORTH, SOUTH):
        cloud.add_device(PK, name, SECRET)


@pytest.fixture
def members(cloud: LocalCloud) -> Iterator[None]:
    """Two devices that are there, and do nothing after the first has said something."""
    with Member(cloud, NORTH) as north, Member(cloud, SOUTH) as south:
        north.hears_nothing()
        south.hears_nothing()
        assert north.mqtt.subscribe(f"/{PK}/{NORTH}/user/get") == [0]
        north.says(f"/{PK}/{NORTH}/user/update", hello="world")
        north.hears_nothing()
        yield


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (tmp_path / "a folder").mkdir()
    made = tmp_path / "a folder" / "image.bin"
    made.write_bytes(b"an image" * 100)
    return made


@pytest.mark.usefixtures("cloud", "members")
def test_on_the_desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], image: Path) -> None:
    type_ = Typist(capsys, tmp_path, "On the desk")
    assert len(type_("device add", PK, "east")["secret"]) == 32
    assert type_("product add", PK)["registration"] is True
    assert type_("release add", PK, "1.1.0", image, "--force")["size"] == 800
    type_("release add", PK, "1.2.0", image, "--force")
    type_("mosquitto", tmp_path / "broker")
    type_("key")
    pushed = type_("push", PK, NORTH, "1.1.0")
    assert (pushed["state"], pushed["from"]) == ("NOTIFIED", "1.0.0")
    batch = type_("batch", PK, "1.1.0", "--device", SOUTH, "--confirm")["batch"]
    assert type_("confirm", batch)["confirmed"] == 1
    assert type_("device list", PK)[1]["status"] == "ONLINE"
    assert [one["task"] for one in type_("device show", PK, SOUTH)["tasks"]] == [2]
    assert type_("device history", PK, SOUTH)[0]["batch"] == batch
    assert [one["version"] for one in type_("release list")] == ["1.2.0", "1.1.0"]
    assert type_("release show", PK, "1.1.0")["tasks"] == {"NOTIFIED": 2}
    assert len(type_("release history", PK, "1.1.0")) == 2
    assert len(type_("task list", "--state", "NOTIFIED")) == 2
    assert type_("task show", 2)["device"] == SOUTH
    assert [one["state"] for one in type_("task history", 1)] == ["QUEUED", "NOTIFIED"]
    assert type_("status")["server"] is True
    assert type_("topic listen", PK, NORTH, "--past", "--count", 1)["qos"] == 0
    assert type_("topic send", PK, NORTH, "get", "hello")["bytes"] == 5
    assert type_("cancel", batch)["cancelled"] == 1
    assert type_("task remove", 2, "--yes")["cancelled"] == []
    assert type_("release remove", PK, "1.1.0", "--yes")["cancelled"] == [1]
    type_("push", PK, NORTH, "1.2.0")
    assert type_("device remove", PK, NORTH, "--yes")["cancelled"] == [3]
    assert type_.typed | GOES_ON == type_.shapes.keys()
    assert type_.shapes.keys() == {verb.NAME for verb in VERBS[CLOUD]}


@pytest.mark.parametrize("verb", sorted(GOES_ON))
def test_what_goes_on_says_a_line_at_a_time(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with LocalCloud(tmp_path / "a") as cloud:
        prepare(cloud)
        folder = tmp_path / ("a" if verb == "watch" else "b")
        with running(verb, "--json", "--folder", str(folder)) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            rest, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    Typist(capsys, folder, "On the desk").check(verb, first + rest)
    assert json.loads(first)["event"] == {"serve": "ready", "watch": "device"}[verb]


@pytest.mark.usefixtures("cloud", "members")
def test_at_the_platform(tmp_path: Path, capsys: pytest.CaptureFixture[str], image: Path) -> None:
    type_ = Typist(capsys, tmp_path, "At the platform")
    plan = tmp_path / "a folder" / "plan.toml"
    plan.write_text(f'product = "{PK}"\nversion = "1.1.0"\n[[phase]]\ndevices = 1\n')
    type_("release publish", PK, "1.1.0", image, "--no-verify", "--force")
    type_("release publish", PK, "1.2.0", image, "--force")
    assert len(type_("release list", PK)) == 2
    assert len(type_("device list", PK)) == 2
    type_("device status", PK, NORTH)
    type_("device versions", PK, NORTH)
    job = type_("rollout start", PK, "1.1.0", "--device", SOUTH, "--confirm")["job"]
    assert type_("rollout confirm", job)["confirmed"] == 1
    assert type_("rollout list", PK, "1.1.0")[0]["counts"] == {"NOTIFIED": 1}
    assert type_("release show", PK, "1.1.0")["tasks"] == {"NOTIFIED": 1}
    assert type_("release history", PK, "1.1.0")[0]["device"] == SOUTH
    assert type_("device show", PK, SOUTH)["tasks"][0]["job"] == job
    assert type_("device history", PK, SOUTH)[0]["module"] == "default"
    assert type_("task list", job)[0]["state"] == "NOTIFIED"
    assert type_("task show", job, SOUTH)["from"] == "1.0.0"
    assert [one["state"] for one in type_("task history", job, SOUTH)] == ["created", "NOTIFIED"]
    assert len(type_("task remove", job, SOUTH, "--yes")["cancelled"]) == 1
    assert type_("rollout cancel", job)["cancelled"] == 0
    assert type_("rollout watch", job, code=1)["counts"] == {"CANCELED": 1}
    type_("topic listen", PK, NORTH, "--past", "--count", 1)
    type_("topic send", PK, NORTH, "get", "hello")
    assert type_("rollout run", plan, code=4)["event"] == "progress"
    type_("rollout pause", plan)
    type_("rollout resume", plan)
    assert type_("rollout stop", plan)["cancelled"] == 1
    type_("release verify", PK, "1.2.0", NORTH, "--no-wait")
    assert len(type_("release remove", PK, "1.2.0", "--yes")["cancelled"]) == 1
    assert type_("device remove", PK, NORTH, "--yes")["cancelled"] == []
    assert type_.typed == type_.shapes.keys()
    assert type_.shapes.keys() == {verb.NAME for verb in VERBS[PLATFORM]}


def every() -> Iterator[tuple[Program, str]]:
    """Every verb."""
    for program, verbs in VERBS.items():
        for verb in verbs:
            yield program, verb.NAME


@pytest.mark.parametrize(("program", "name"), list(every()), ids=lambda one: str(one)[-20:])
def test_what_is_refused_is_an_object_on_stderr_and_nothing_on_stdout(
    program: Program, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "not a folder").write_text("")
    (tmp_path / "file.bin").write_text("x")
    parser = argparse.ArgumentParser()
    program.fill(parser)
    given = {"FILE": str(tmp_path / "file.bin"), "PLAN": str(tmp_path / "file.bin")}
    words = name.split() + [given.get(one, "1") for one in positionals(parser, name)]
    place = ["--at", "desk"] if program is PLATFORM else []
    folder = ["--folder", str(tmp_path / "not a folder")]
    assert main([*place, *words, "--json", *folder]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    told = json.loads(said.err)
    assert told.keys() == {"error", "advice"}
    assert told["error"]
    assert told["advice"]


def positionals(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    """The words that a verb has to be given, as its help names them."""
    for word in name.split():
        action = next(one for one in parser._actions if isinstance(one.choices, dict))
        parser = dict(action.choices or {})[word]
    for action in parser._actions:
        if not action.option_strings and action.nargs not in ("*", "?"):
            yield str(action.metavar)


@pytest.mark.parametrize(
    ("title", "program", "words", "make"),
    [
        ("`image inspect` of an image", IMAGE, ["inspect"], lambda path: image_in(path)),
        (
            "`image inspect` of a package",
            IMAGE,
            ["inspect"],
            lambda path: compress(image_in(path)),
        ),
        ("`image inspect` of an archive", IMAGE, ["inspect"], lambda path: archive_in(path)),
        ("`flash check` of a file", FLASH, ["check"], lambda path: merged()),
        ("`flash check` of a table", FLASH, ["check"], lambda path: TABLE.read_bytes()),
        ("`sim status`", SIM, ["status"], None),
    ],
)
def test_the_other_tools(
    title: str,
    program: Program,
    words: list[str],
    make: Callable[[Path], bytes] | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / ("table.csv" if "table" in title else "file.bin")
    if make is None:
        assert SIM.main(["create", str(path)]) == 0
    else:
        path.write_bytes(make(tmp_path))
    capsys.readouterr()
    assert program.main([*words, str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {title} |"))
    assert said.keys() == set(re.findall(r"`([^`]+)`", row.split(" | ")[2]))
    assert program.main([*words, str(tmp_path / "missing"), "--json"]) == 1
    refused = capsys.readouterr()
    assert refused.out == ""
    told = json.loads(refused.err)
    assert "missing" in told["error"]
    assert told["advice"] == "Correct its name."


def test_a_damaged_package_has_the_shape_of_a_sound_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = next(line for line in PAGE.splitlines() if "`image inspect` of a package |" in line)
    package = compress(image_in(tmp_path))
    for data in (package[:5], package[:40], package[:-1]):
        (tmp_path / "file.alp").write_bytes(data)
        assert IMAGE.main(["inspect", str(tmp_path / "file.alp"), "--json"]) == 1
        said = json.loads(capsys.readouterr().out)
        assert said.keys() == set(re.findall(r"`([^`]+)`", row.split(" | ")[2]))
        assert said["problems"]


def image_in(folder: Path) -> bytes:
    return build_image(make_image(65536), application(folder / "app"), "1.0.0")


def archive_in(folder: Path) -> bytes:
    (folder / "files").mkdir()
    (folder / "files" / "page.html").write_text("hello")
    return build_archive(folder / "files")
