"""A mosquitto of a test's own; a test that needs one is skipped by name where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.bench import broker
from tools.bench.broker import free_port

__all__ = ["Mosquitto", "free_port"]


class Mosquitto(broker.Mosquitto):
    """See there."""

    def __init__(self, folder: Path, settings: str, port: int | None = None) -> None:
        if broker.find() is None:
            pytest.skip("NO MOSQUITTO HERE: install it (Debian: apt-get install mosquitto)")
        super().__init__(folder, settings, port)
