"""A mosquitto of a test's own: on 127.0.0.1, a free port, ended with the test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

WAIT_S = 20.0


def find() -> str:
    """The program; skips the test by name where there is none."""
    found = shutil.which(
        "mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    )
    if found is None:
        pytest.skip("NO MOSQUITTO HERE: install it (Debian: apt-get install mosquitto)")
    return found


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Mosquitto:
    """One broker. `settings` are lines of its configuration besides listener and log.

    Use it as a context manager; stop() and start() again keep the port.
    """

    def __init__(self, folder: Path, settings: str, port: int | None = None) -> None:
        self._program = find()
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "test.conf"
        self._log = folder / "mosquitto.log"
        self.port = free_port() if port is None else port
        # As root it would become the user "mosquitto", who cannot read a test's files.
        user = "user root\n" if os.geteuid() == 0 else ""
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\n{user}log_dest stderr\nlog_type all\n{settings}"
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Run it, and wait until it accepts."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-c", str(self._config)], stdout=log, stderr=log
            )
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise AssertionError(f"mosquitto does not start:\n{self.log()}") from None
                time.sleep(0.01)

    def stop(self) -> None:
        """End it, and nothing else."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(WAIT_S)
            self._process = None

    def log(self) -> str:
        """What it has said."""
        return self._log.read_text(errors="replace")

    def __enter__(self) -> Mosquitto:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
