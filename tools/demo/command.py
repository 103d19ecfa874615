"""`cloud --at desk` as a person or a CI job runs it: a program, its lines of JSON, its exit code.

It calls the stand-in through the platform's own SDK and knows nothing else of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from tools.cli import Refused
from tools.demo.boards import ROOT


class Command:
    """Runs verbs at the stand-in of `folder`; each is shown as it is typed."""

    def __init__(self, out: Console, folder: Path) -> None:
        self._out = out
        self._folder = folder

    def run(
        self, *words: object, code: int = 0, heard: Callable[[Any], None] = lambda said: None
    ) -> list[Any]:
        """What it says with --json, line by line; `heard` hears each as it comes.

        Raises Refused when it ends with another exit code than `code`.
        """
        typed = [str(word) for word in words]
        shown = " ".join(word.rpartition("/")[2] for word in typed)
        self._out.print(f"$ cloud --at desk {shown} --json", style="bold", markup=False)
        begin = [sys.executable, "-m", "tools.cloud", "--at", "desk"]
        said = []
        with subprocess.Popen(
            [*begin, *typed, "--json", "--folder", str(self._folder)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    said.append(json.loads(line))
                    heard(said[-1])
            except BaseException:
                process.terminate()
                raise
        if process.returncode != code:
            raise Refused(
                f"it ended with {process.returncode} instead of {code}", "Read what it has said."
            )
        return said
