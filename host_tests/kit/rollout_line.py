"""`rollout run` and its neighbours as typed, for a fleet that lives in the stand-in's time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit.member import MINUTE, Member
from host_tests.kit.raw_mqtt import PK, SECRET
from tools.cloud import LocalCloud
from tools.cloud.__main__ import main

SIZE = 20
PHASES = """
[[phase]]
devices = 1
soak-min = 60

[[phase]]
percent = 10
soak-min = 30

[[phase]]
all = true
"""


class Fleet:
    """Devices of one product, and the time they live in. `acts(member)` once it was told.

    It is the clock of `rollout run`: what is waited for passes at the stand-in, too.
    """

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        names = [f"row_{number:02}" for number in range(SIZE)]
        for name in names:
            cloud.add_device(PK, name, SECRET)
        self.members = {name: Member(cloud, name) for name in names}
        for member in self.members.values():
            member.hears_nothing()
        self.acts: Callable[[Member], Any] = Member.updates
        self.each_look: Callable[[], None] = lambda: None
        self.acted: set[int] = set()
        self.step_s = 10 * MINUTE
        self.slept = 0.0

    def time(self) -> float:
        """Seconds since 1970, at the stand-in."""
        return self.cloud._program.clock.time()

    def sleep(self, seconds: float, /) -> None:
        """The devices act, and time passes."""
        self.each_look()
        for task in self.cloud.tasks("NOTIFIED"):
            if task.id not in self.acted:
                self.acted.add(task.id)
                self.acts(self.members[task.device_name])
        self.cloud.advance(self.step_s)
        self.slept += self.step_s
        assert self.slept < 24 * 3600, "it never ends"
        for member in self.members.values():
            member.hears_nothing()

    def told(self) -> set[str]:
        """Devices that have ever been told of a task."""
        pushes = [m for m in self.cloud.messages if "/ota/device/upgrade/" in m.topic]
        return {message.device.partition("/")[2] for message in pushes}


class Line:
    """`rollout run` and its neighbours, with --json: events as dictionaries."""

    def __init__(self, fleet: Fleet, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.fleet = fleet
        self.folder = folder
        self.capsys = capsys
        self.plan = folder / "plan.toml"

    def write(self, phases_: str = PHASES, version: str = "1.1.0", **terms: Any) -> None:
        lines = [f'product = "{PK}"', f'version = "{version}"']
        lines += [f"{name.replace('_', '-')} = {json.dumps(v)}" for name, v in terms.items()]
        self.plan.write_text("\n".join(lines) + phases_)

    def publish(self, version: str, *words: str) -> None:
        file = self.folder / f"{version}.bin"
        file.write_bytes(version.encode())
        assert self.main("release", "publish", PK, version, str(file), "--force", *words)[0] == 0

    def main(self, *words: str) -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = main(["--at", "desk", *words, "--folder", str(self.fleet.cloud.folder)])
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def run(self, *words: str, code: int = 0, verb: str = "run") -> list[dict[str, Any]]:
        words = ("rollout", verb, str(self.plan), "--json", *words)
        ended, out, err = self.main(*words)
        assert ended == code, (out, err)
        return [json.loads(line) for line in out.splitlines()]


def of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]
