"""`remove`: nothing goes that somebody still needs without a word, and nothing stays behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from host_tests.kit.answers import Answers
from host_tests.kit.member import Member
from host_tests.kit.raw_mqtt import PK, SECRET, RawDevice
from tools.cloud import LocalCloud
from tools.cloud.__main__ import main

NORTH, SOUTH = "north", "south"
Typed = Callable[..., str]


def prepare(cloud: LocalCloud) -> None:
    cloud.faults.lift_limits()
    for name in (NORTH, SOUTH):
        cloud.add_device(PK, name, SECRET)
    for version in ("1.1.0", "1.2.0"):
        cloud.add_release(PK, version, f"image {version}".encode())


@pytest.fixture
def type_(cloud: LocalCloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Type a command: all that it says."""

    def typed(*words: str, code: int = 0) -> str:
        capsys.readouterr()
        assert main([*words, "--folder", str(tmp_path)]) == code, capsys.readouterr()
        said = capsys.readouterr()
        return said.out + said.err

    return typed


NEEDED = {
    "device": (("device", "remove", PK, NORTH), f"{PK}/{NORTH} loses its secret"),
    "release": (("release", "remove", PK, "1.1.0"), "1.1.0 of a1B2c3D4e5F"),
    "task": (("task", "remove", "1"), "is forgotten"),
    "device, API": (("--at", "desk", "device", "remove", PK, NORTH), f"{PK}/{NORTH} loses"),
    "release, API": (("--at", "desk", "release", "remove", PK, "1.1.0"), "is deleted"),
}


@pytest.mark.parametrize("words", [one for one, _ in NEEDED.values()], ids=NEEDED)
def test_what_an_open_task_needs_goes_only_when_that_is_said_and_meant(
    cloud: LocalCloud, type_: Typed, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.batch(PK, "1.1.0", devices=(NORTH,))
    needed = next(text for one, text in NEEDED.values() if one == words)
    loss = rf"what is not finished is cancelled: {'' if '--at' in words else PK + '/'}{NORTH} to"
    told = type_(*words, code=1)  # nobody can be asked
    assert "nothing was done: " in told
    assert "--yes" in told
    for answer in ("\n", "n\n"):
        monkeypatch.setattr("sys.stdin", Answers(answer))
        told = type_(*words, code=1)
        assert needed in told
        assert loss in told
    assert [one.state for one in cloud.tasks("QUEUED")] == ["QUEUED"]
    monkeypatch.setattr("sys.stdin", Answers("y\n"))
    assert "cancelled" in type_(*words)
    assert cloud.tasks("QUEUED") == []


def test_a_device_that_was_taken_away_is_signed_off_and_stays_out(
    cloud: LocalCloud, type_: Typed
) -> None:
    for at, name in ((), NORTH), (("--at", "desk"), SOUTH):
        with Member(cloud, name) as device:
            device.hears_nothing()
            type_(*at, "device", "remove", PK, name, "--yes")
            assert device.mqtt.sock.recv(1) == b""
        with RawDevice(cloud) as again:
            assert again.connect(dn=name) == 4
        assert f"no device {PK}/{name}" in type_("device", "show", PK, name, code=1)
    assert type_("device", "list") == "there is no device yet\n"
    type_("device", "add", PK, NORTH)
    assert "UNACTIVE" in type_("device", "list")  # and nothing of the one before


def test_a_package_goes_with_its_files_but_for_those_that_another_has(
    cloud: LocalCloud, type_: Typed, tmp_path: Path
) -> None:
    same = cloud.add_release(PK, "2.0.0", b"image 1.1.0")
    others = {one.name for one in (tmp_path / "files").iterdir()}
    type_("release", "remove", PK, "1.1.0", "--yes")
    assert {one.name for one in (tmp_path / "files").iterdir()} == others
    type_("release", "remove", PK, "2.0.0", "--yes")
    assert {one.name for one in (tmp_path / "files").iterdir()} == others - {same.sha256}
    assert "2.0.0" not in type_("release", "list") + type_("--at", "desk", "release", "list", PK)
    assert "no 2.0.0" in type_("release", "show", PK, "2.0.0", code=1)


def test_a_task_that_has_ended_goes_without_another_being_touched(
    cloud: LocalCloud, type_: Typed
) -> None:
    cloud.push(PK, NORTH, "1.1.0")
    cloud.cancel(PK, NORTH, "1.1.0")
    cloud.push(PK, SOUTH, "1.1.0")
    said = type_("task", "remove", "1", "--yes")
    assert said == "removed     task 1\n"
    assert "no task 1" in type_("task", "show", "1", code=1)
    assert "QUEUED" in type_("task", "show", "2")


def test_the_platform_keeps_what_has_ended(cloud: LocalCloud, type_: Typed) -> None:
    cloud.batch(PK, "1.1.0", devices=(NORTH,))
    job = type_("--at", "desk", "rollout", "list", PK, "1.1.0").split()[0]
    type_("--at", "desk", "task", "remove", job, NORTH, "--yes")
    assert "has ended" in type_("--at", "desk", "task", "remove", job, NORTH, "--yes", code=1)
    assert "CANCELED" in type_("--at", "desk", "task", "history", job, NORTH)
    assert "no task in" in type_("--at", "desk", "task", "show", job, SOUTH, code=1)
