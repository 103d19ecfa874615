"""What every file of this room gets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from host_tests.kit.serial_rig import QUIET, SerialRig


@pytest.fixture(scope="module")
def one_rig(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[SerialRig]:
    """A board at a serial port for a whole file, which runs the file's own RUNS, else QUIET."""
    with SerialRig(tmp_path_factory.mktemp("rig")) as rig:
        rig.board.write_slot(0, rig.image("1.0.0", getattr(request.module, "RUNS", QUIET)))
        yield rig
