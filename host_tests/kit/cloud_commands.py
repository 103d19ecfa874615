"""The stand-in's commands, as a person types them: each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

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


def run(*words: str, fails: int = 0) -> str:
    """One command's output; what it says on stderr when it has to fail."""
    process = start(*words)
    out, err = process.communicate(timeout=600)
    assert process.returncode == fails, (out, err)
    assert "Traceback" not in err
    return err if fails else out
