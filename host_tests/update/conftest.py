"""What every file of this room gets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.kit import rig as kit
from host_tests.kit.rig import Rig


@pytest.fixture(autouse=True)
def heap(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """HEAP of a test file is what its boards have: "esp32" for the memory of the chip, at the cost
    of some time.
    """
    monkeypatch.setattr(kit, "HEAP", getattr(request.module, "HEAP", None))


@pytest.fixture
def rig(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A board and a cloud, as the test file's own ready(rig) leaves them, where it has one."""
    with Rig(tmp_path) as rig:
        # Every restart signs in anew: more often than a board that is not tested would.
        rig.cloud.faults.connects_per_minute = None
        ready = getattr(request.module, "ready", None)
        if ready is not None:
            ready(rig)
        yield rig
