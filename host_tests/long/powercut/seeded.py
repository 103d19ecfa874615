"""Bugs made for the purpose: code that works as long as the power stays on. Is each found?

Each is a copy of the tree with one piece of text replaced; the cuts of one update run on it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[3]
LIMIT_S = 600
_SUMMARY = re.compile(r"^\d+ flash operations, (\d+) cuts, .*: (\d+) failures$", re.MULTILINE)


@dataclass(frozen=True)
class Bug:
    """`old` in `file` (from the root of the tree) becomes `new`."""

    name: str
    file: str
    old: str
    new: str
    update: str = "second"  # after the first one, both otadata sectors matter


BUGS = (
    Bug(
        "confirmed before it has connected",
        "micropython/alink/after_reset/proving.py",
        "        self._told = False\n",
        '        self._told = False\n        parts.use("after_reset.confirm").confirm(True)\n',
    ),
    Bug(
        "checkpoint written ahead of its data",
        "micropython/alink/job/moving.py",
        "    download.target.write(download.block, n)\n",
        "    nvs = download.nvs\n"
        "    if nvs is not None and download.next <= download.offset + n < download.size:\n"
        '        nvs.set_i32("at", download.offset + n)\n'
        "        nvs.commit()\n"
        "    download.target.write(download.block, n)\n",
    ),
    Bug(
        # The chip's own code is right; this is how it would look if it were not.
        "the active otadata sector erased first",
        "tools/sim/device/esp32.py",
        "        index, seq = otadata.next_seq(entries, slot, count)\n",
        "        index, seq = otadata.next_seq(entries, slot, count)\n"
        "        ops.erase(at + (1 - index) * _SECTOR)\n",
    ),
    Bug(
        "the new set named before it is complete",
        "micropython/alink/files/unpack.py",
        "        if not left:\n            self._state = _UNPACK\n",
        "        if not left:\n"
        "            self._state = _UNPACK\n"
        "            if not self._index:\n"
        "                self.store()\n",
        "files",
    ),
)


def with_bug(bug: Bug) -> str:
    """The file's text with the bug. Raises ValueError when its text is not there exactly once."""
    text = (ROOT / bug.file).read_text()
    if text.count(bug.old) != 1:
        raise ValueError(f"{bug.name}: its text is {text.count(bug.old)} times in {bug.file}")
    return text.replace(bug.old, bug.new)


def found(bug: Bug) -> tuple[int, int, str]:
    """(cuts, failures, what was printed) on code with the bug.

    Raises RuntimeError when the cuts did not run at all: the bug shows without a power cut.
    """
    with tempfile.TemporaryDirectory(prefix="seeded-") as folder:
        tree = Path(folder) / "tree"
        skipped = (".git", ".venv", ".cache", "build", "__pycache__", ".*_cache")
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*skipped))
        (tree / bug.file).write_text(with_bug(bug))
        options = ["--update", bug.update, "--brief", "--pairs", "0", "--patience", "20"]
        options += ["--keep", str(Path(folder) / "recordings")]
        done = subprocess.run(
            [sys.executable, "-m", "host_tests.long.powercut", *options],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    summary = _SUMMARY.search(done.stdout)
    if summary is None:
        raise RuntimeError(f"{bug.name}: the cuts did not run\n{done.stdout}{done.stderr}")
    return int(summary[1]), int(summary[2]), done.stdout


def main(out: Console) -> int:
    """Try each bug; 0 when all of them are found."""
    for bug in BUGS:
        with_bug(bug)  # all of them fit the code, before the first one takes its time
    missed = 0
    for bug in BUGS:
        cuts, failures, text = found(bug)
        missed += not failures
        out.print(
            f"{bug.name}: {failures} of {cuts} cuts fail"
            if failures
            else f"{bug.name}: NOT FOUND in {cuts} cuts",
            markup=False,
        )
        for line in re.findall(r"^\d+ x .*", text, re.MULTILINE):
            out.print(f"  {line}", markup=False)
    out.print(f"{len(BUGS) - missed} bugs found, {missed} missed")
    return 1 if missed else 0
