"""Boards and `cloud --at desk`: a release goes to all of them, a bad one stops at the first."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit.rig import PK, Rig, app
from tools.cloud import LocalCloud
from tools.cloud.platform.verbs import rollout_run
from tools.programs import cloud as cloud_command

NAMES = ("roof_1", "roof_2", "roof_3")
# It reports its version, with which its task has succeeded; then its application ends.
BAD = app(loop='if device.connected: raise ValueError("no sensor")')
PLAN = f"""
product = "{PK}"
version = "%s"
timeout-min = 10

[[phase]]
devices = 1
soak-min = 60

[[phase]]
all = true
"""


class Settled:
    """A rollout's clock: it stands until nothing is under way, then half an hour is over."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.passed_s = 0.0

    def time(self) -> float:
        """Seconds since some moment."""
        return self.passed_s

    def sleep(self, seconds: float, /) -> None:
        """What boards do takes as long as it takes."""
        self.cloud.wait_for(self._settled, timeout_s=120, what="the boards")
        self.passed_s += 1800

    def _settled(self) -> bool:
        busy = [self.cloud.tasks(state) for state in ("QUEUED", "NOTIFIED", "IN_PROGRESS")]
        if any(busy):
            return False
        told = [self.cloud.version(PK, name) for name in NAMES]
        return "1.2.0" not in told


def test_a_release_goes_to_every_board_and_a_bad_one_stops_at_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(*words: str, code: int = 0) -> list[dict[str, Any]]:
        """The events that a command of --at desk tells."""
        capsys.readouterr()
        ended = cloud_command(["--at", "desk", *words, "--json", "--folder", folder])
        said = capsys.readouterr()
        assert ended == code, said
        return [json.loads(line) for line in said.out.splitlines()]

    def rollout(version: str, image: bytes, code: int = 0) -> dict[str, Any]:
        """Publish an image and roll it out by the plan; the last event."""
        file, plan = tmp_path / f"{version}.bin", tmp_path / "plan.toml"
        file.write_bytes(image)
        plan.write_text(PLAN % version)
        command("release", "publish", PK, version, str(file))
        return command("rollout", "run", str(plan), "--watch", code=code)[-1]

    with contextlib.ExitStack() as stack:
        boards: list[Rig] = []
        for name in NAMES:
            (tmp_path / name).mkdir()
            first = boards[0] if boards else None
            boards.append(stack.enter_context(Rig(tmp_path / name, beside=first, name=name)))
        cloud = boards[0].cloud
        cloud.faults.connects_per_minute = None
        folder = str(cloud.folder)
        monkeypatch.setattr(rollout_run, "CLOCK", Settled(cloud))
        for board in boards:
            board.start()
        done = rollout("1.1.0", boards[0].image("1.1.0"))
        assert done == {"event": "done", "succeeded": 3, "devices": 3}
        for board in boards:
            board.confirmed(1)
        before = len(cloud.downloads)
        stopped = rollout("1.2.0", boards[0].image("1.2.0", BAD), code=3)
        assert stopped["event"] == "stopped"
        (failed,) = stopped["failed"]
        assert failed["why"] == "reports 1.1.0 again"
        fetched = {one.device for one in cloud.downloads[before:]}
        history = command("device", "history", PK, failed["device"])[0]
        assert [(one["version"], one["state"]) for one in history] == [  # type: ignore[index]
            ("1.2.0", "SUCCEEDED"),  # the platform does not take that back
            ("1.1.0", "SUCCEEDED"),
        ]
        assert fetched == {f"{PK}/{failed['device']}"}
        for name in NAMES:
            assert cloud.version(PK, name) == "1.1.0"
        assert not cloud.violations
