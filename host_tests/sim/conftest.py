"""What every file of this room gets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.kit.chip_heap import Echo
from host_tests.kit.sim_desk import make_board
from tools.sim import Board


@pytest.fixture
def board(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Board]:
    """A board with two images; BOARD of a test file has more settings for it."""
    with make_board(tmp_path, **getattr(request.module, "BOARD", {})) as board:
        yield board


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    """A server that a program of the board can talk TLS to."""
    server = Echo()
    yield server
    server.close()
