"""What every file of this room gets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.kit.raw_mqtt import DN, PK, SECRET
from tools.cloud import LocalCloud


@pytest.fixture
def cloud(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[LocalCloud]:
    """A stand-in that runs, as the test file's own prepare(cloud) made it; else with a device."""
    with LocalCloud(tmp_path) as cloud:
        getattr(request.module, "prepare", _a_device)(cloud)
        yield cloud


def _a_device(cloud: LocalCloud) -> None:
    cloud.add_device(PK, DN, SECRET)
