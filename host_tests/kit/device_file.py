"""One MicroPython for the device tests of a file, which runs them as they are asked for.

What a test loaded is unloaded behind it, so the next one finds everything new, its own file
included. A test that fails, hangs or ends the interpreter is the last one that this one runs.
"""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from host_tests.kit import compiled_tree
from host_tests.kit.device_process import DeviceFailed, command, environment, weighs

PATIENCE_S = 300.0  # for one test; most take milliseconds, but a machine may be busy
_END = b"\x1e"  # in front of how a test ended

_RUNNER = r"""
import gc, os, sys
home = os.getcwd()
sys.path.insert(0, sys.argv[1])
path = list(sys.path)
there = list(sys.modules)
rounds = 0
while True:
    name = sys.stdin.readline().strip()
    if not name:
        break
    rounds += 1
    os.mkdir(str(rounds))
    os.chdir(str(rounds))
    try:
        getattr(__import__(sys.argv[2]), name)()
        end = "PASSED " + name
    except SystemExit as e:
        end = str(e.args[0]) if e.args else "SKIP"
    except BaseException as e:
        sys.print_exception(e)
        end = "FAILED " + name
    print("\x1e" + end)
    os.chdir(home)
    sys.path[:] = path
    for one in list(sys.modules):
        if one not in there:
            del sys.modules[one]
    gc.threshold(-1)
    gc.collect()
"""


class DeviceInterpreter:
    """Runs the functions of the device file `path`, until close().

    first: folders put in front of the module path.
    """

    def __init__(self, path: Path, first: Sequence[Path] = ()) -> None:
        self.path = path
        self._first = tuple(first)
        # A file that weighs the heap wants one that nobody has used.
        self._weighs = weighs(path.read_text(encoding="utf-8"))
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def run(self, function: str, timeout_s: float = PATIENCE_S) -> str:
        """Run a test; its last line: "PASSED name", or what it said on SystemExit.

        Raises DeviceFailed, with all that it printed.
        """
        process = self._running()
        assert process.stdin is not None
        passed = False
        try:
            process.stdin.write(f"{function}\n".encode())
            process.stdin.flush()
            said, end = self._answer(process, timeout_s)
            if end.startswith("FAILED "):
                raise DeviceFailed(f"failed; it said:\n{said}")
            passed = True
        finally:
            if not passed or self._weighs:
                self.close()
        return end

    def close(self) -> None:
        """End the interpreter, if there is one."""
        process, self._process = self._process, None
        folder, self._folder = self._folder, None
        if process is not None:
            process.kill()
            process.communicate()
        if folder is not None:
            folder.cleanup()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self.starts += 1
            self._folder = tempfile.TemporaryDirectory(prefix="device-")
            script = Path(self._folder.name) / "script.py"
            script.write_text(_RUNNER, encoding="utf-8")
            home = self.path.parent
            if not self._weighs:
                home = compiled_tree.place(home)
            self._process = subprocess.Popen(
                command(script, str(home), self.path.stem),
                env=environment(self._first, plain=self._weighs),
                cwd=self._folder.name,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        return self._process

    def _answer(self, process: subprocess.Popen[bytes], timeout_s: float) -> tuple[str, str]:
        """(what it printed, how it ended)."""
        assert process.stdout is not None
        deadline = time.monotonic() + timeout_s
        poll = select.poll()
        poll.register(process.stdout, select.POLLIN)
        said = b""
        while not (_END in said and said.endswith(b"\n")):
            left = deadline - time.monotonic()
            if left <= 0:
                raise DeviceFailed(f"still running after {timeout_s:g} s; it said:\n{_text(said)}")
            if not poll.poll(left * 1000):
                continue
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                raise DeviceFailed(f"ended with {process.wait()}; it said:\n{_text(said)}")
            said += data
        printed, _, end = said.rpartition(_END)
        return _text(printed), _text(end).strip()


def _text(said: bytes) -> str:
    return said.decode(errors="replace")
