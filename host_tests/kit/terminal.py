"""A command at a terminal of its own: what it writes there, and what is typed."""

from __future__ import annotations

import os
import pty
import struct
import sys
import termios
import threading
from collections.abc import Callable, Sequence
from fcntl import ioctl
from subprocess import Popen

from host_tests.kit.rig import ROOT

WAIT_S = 120


class AtTerminal:
    """A command of ours that has a terminal; `said` grows as it writes. Ended with the block."""

    def __init__(self, words: Sequence[str], columns: int = 100, **env: str) -> None:
        self.said = ""
        self._changed = threading.Condition()
        self._fd, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
        plain = {"PATH": "/usr/bin:/bin", "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
        self.process = Popen(
            [sys.executable, "-m", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**plain, "PYTHONDONTWRITEBYTECODE": "1", **env},
            start_new_session=True,
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._fd, 65536)
            except OSError:  # nobody writes there any more
                data = b""
            with self._changed:
                self.said += data.decode(errors="replace")
                self._changed.notify_all()
            if not data:
                return

    def waits(self, until: Callable[[str], object]) -> None:
        """Wait until what was written is as it should be."""
        with self._changed:
            assert self._changed.wait_for(lambda: until(self.said), WAIT_S), self.said

    def types(self, text: str) -> None:
        """Type this."""
        os.write(self._fd, text.encode())

    def ends(self) -> int:
        """Wait for its end; the exit code."""
        code = self.process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        return code

    def __enter__(self) -> AtTerminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(WAIT_S)
        os.close(self._fd)
