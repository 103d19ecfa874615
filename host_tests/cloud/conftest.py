"""What every file of this room gets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit.hosted import Hosted
from host_tests.kit.raw_mqtt import DN, PK, SECRET
from host_tests.kit.rollout_line import Fleet, Line
from tools.cloud import LocalCloud
from tools.cloud.platform.verbs import rollout_run


@pytest.fixture
def cloud(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[LocalCloud]:
    """A stand-in that runs, as the test file's own prepare(cloud) made it; else with a device.

    A file's SETTINGS are the stand-in's.
    """
    with LocalCloud(tmp_path, **getattr(request.module, "SETTINGS", {})) as cloud:
        getattr(request.module, "prepare", _a_device)(cloud)
        yield cloud


@pytest.fixture
def hosted(tmp_path: Path) -> Hosted:
    """A mosquitto that is not started yet."""
    return Hosted(tmp_path / "broker")


@pytest.fixture
def client(cloud: LocalCloud) -> Any:
    """The platform's own SDK, pointed at it."""
    from host_tests.kit.platform_sdk import sdk  # slow to load

    return sdk(cloud)


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """Twenty devices of one product; `rollout run` goes by their clock."""
    with LocalCloud(tmp_path / "cloud") as cloud:
        cloud.faults.connects_per_minute = None
        fleet = Fleet(cloud)
        monkeypatch.setattr(rollout_run, "CLOCK", fleet)
        yield fleet
        for member in fleet.members.values():
            member.mqtt.sock.close()


@pytest.fixture
def line(fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Line:
    """What is typed for them."""
    return Line(fleet, tmp_path, capsys)


def _a_device(cloud: LocalCloud) -> None:
    cloud.add_device(PK, DN, SECRET)
