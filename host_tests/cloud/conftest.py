"""What every file of this room gets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit.raw_mqtt import DN, PK, SECRET
from tools.cloud import LocalCloud


@pytest.fixture
def cloud(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[LocalCloud]:
    """A stand-in that runs, as the test file's own prepare(cloud) made it; else with a device.

    A file's SETTINGS are the stand-in's.
    """
    with LocalCloud(tmp_path, **getattr(request.module, "SETTINGS", {})) as cloud:
        getattr(request.module, "prepare", _a_device)(cloud)
        yield cloud


@pytest.fixture
def client(cloud: LocalCloud) -> Any:
    """The platform's own SDK, pointed at it."""
    from host_tests.kit.platform_sdk import sdk  # slow to load

    return sdk(cloud)


def _a_device(cloud: LocalCloud) -> None:
    cloud.add_device(PK, DN, SECRET)
