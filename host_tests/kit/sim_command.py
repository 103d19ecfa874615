"""`python -m tools.sim` in a terminal of its own: what somebody sees, and Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def seen(words: list[str], text: str) -> tuple[int, str]:
    """Run the command until it has printed `text`, then press Ctrl-C: (exit code, its stdout)."""
    command = [sys.executable, "-m", "tools.sim", *words]
    said = ""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            said += line
            if text in said:
                break
        running.send_signal(signal.SIGINT)
        said += running.stdout.read()
    assert text in said, said
    return running.returncode, said
