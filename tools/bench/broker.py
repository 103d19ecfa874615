"""A mosquitto of one's own: on 127.0.0.1, a free port, ended with what it was started for."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

WAIT_S = 120.0  # it reads the access list of 10,000 devices for seconds


def find() -> str | None:
    """The program, also where only root has it on the path; None where there is none."""
    places = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    return shutil.which("mosquitto", path=places)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Mosquitto:
    """One broker. `settings` are lines of its configuration besides listener and log.

    Use it as a context manager; stop() and start() again keep the port. Raises RuntimeError when
    there is no such program here, or it does not start.
    """

    def __init__(
        self, folder: Path, settings: str, port: int | None = None, log: str = "all"
    ) -> None:
        program = find()
        if program is None:
            raise RuntimeError("no mosquitto here: install it (Debian: apt-get install mosquitto)")
        self._program = program
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "test.conf"
        self._log = folder / "mosquitto.log"
        self.port = free_port() if port is None else port
        # As root it would become the user "mosquitto", who cannot read these files.
        user = "user root\n" if os.geteuid() == 0 else ""
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\n{user}log_dest stderr\nlog_type {log}\n{settings}"
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def pid(self) -> int:
        """Its process, while it runs."""
        assert self._process is not None
        return self._process.pid

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
                    raise RuntimeError(f"mosquitto does not start:\n{self.log()}") from None
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
