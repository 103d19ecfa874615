"""The stand-in's commands, as a person types them: each in a process of its own."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Collection, Iterator

from host_tests.kit.rig import ROOT


def start(*words: str) -> subprocess.Popen[str]:
    """A command that runs until it is ended; its output is piped."""
    return subprocess.Popen(
        [sys.executable, "-m", "tools.cloud", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
    )


@contextlib.contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A command that is ended with the block, and else by itself: no test may wait for ever."""
    process = start(*words)
    killer = threading.Timer(120, process.kill)
    killer.start()
    try:
        yield process
    finally:
        killer.cancel()
        process.kill()
        process.communicate()


@contextlib.contextmanager
def serving(*words: str, until: Collection[str] = ("Ctrl-C",)) -> Iterator[list[str]]:
    """`serve`, from when it has said all of `until`: its lines. Ctrl-C ends it, and well."""
    with running("serve", *words) as server:
        assert server.stdout is not None
        lines: list[str] = []
        while not all(one in "".join(lines) for one in until):
            lines.append(server.stdout.readline())
            assert lines[-1], lines
        yield lines
        server.send_signal(signal.SIGINT)
        rest, err = server.communicate()
        lines.append(rest)
        assert (server.returncode, err) == (0, "")


def run(*words: str, fails: int = 0) -> str:
    """One command's output; what it says on stderr when it has to fail."""
    process = start(*words)
    out, err = process.communicate(timeout=600)
    assert process.returncode == fails, (out, err)
    assert "Traceback" not in err
    return err if fails else out
