"""make mutate: take each step of an update out of the device code, and each guard; who notices?

Each mutant is a copy of the tree with one piece of text replaced; the nine steps' tests run on it,
or those that are named for it. With words only the mutants whose step has one of them
(`python -m host_tests.long.mutate trial confirm`).
Ends with 1 when a mutant survives, or when a replacement no longer fits the code.
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from host_tests.long.mutants import MUTANTS, Mutant
from host_tests.long.mutants_in_flash import IN_FLASH
from host_tests.long.mutants_on_trial import ON_TRIAL
from host_tests.long.old_behaviours import OLD_BEHAVIOURS

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 1200  # some fail by waiting for what does not come
ALL = MUTANTS + IN_FLASH + ON_TRIAL + OLD_BEHAVIOURS


def copy_with(mutant: Mutant, folder: Path) -> Path:
    """A copy of the tree with the mutant in it."""
    tree = folder / "tree"
    skipped = shutil.ignore_patterns(".git", ".venv", ".cache", "build", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, tree, ignore=skipped)
    (tree / mutant.file).write_text(mutated(mutant))
    return tree


def mutated(mutant: Mutant) -> str:
    """The file's text with the replacement. Raises ValueError when its text is not there once."""
    file = ROOT / mutant.file
    text = file.read_text()
    if text.count(mutant.old) != 1:
        raise ValueError(
            f"{mutant.step}: its text is {text.count(mutant.old)} times in {file.name}"
        )
    return text.replace(mutant.old, mutant.new)


def caught_by(mutant: Mutant) -> list[str]:
    """The names of the tests that fail on the mutant."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = copy_with(mutant, Path(folder))
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-rfE",
                "--tb=no",
                "-p",
                "no:cacheprovider",
                *shlex.split(mutant.tests),
            ],
            cwd=tree,
            env={"PYTHONPATH": str(tree), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    return re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", done.stdout, re.MULTILINE)


def main() -> int:
    """Try every mutant, or those that are asked for, two at a time; 0 when each is caught."""
    parser = argparse.ArgumentParser(
        prog="mutate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("words", nargs="*", metavar="WORD", help="of the steps to try; none: all")
    words = parser.parse_args().words
    mutants = [one for one in ALL if not words or any(word in one.step for word in words)]
    if not mutants:
        parser.error(f"no step has any of these words: {' '.join(words)}")
    out = Console(soft_wrap=True)
    table = Table(
        title="a step or a guard taken out, and the tests that notice", title_justify="left"
    )
    table.add_column("step")
    table.add_column("noticed by", overflow="fold")
    survivors = 0
    for mutant in ALL:
        mutated(mutant)  # all of them fit the code, before the first one takes its time
    with ThreadPoolExecutor(2) as pool:
        found = zip(mutants, pool.map(caught_by, mutants), strict=True)
        for mutant, names in track(found, "mutants", len(mutants), console=out):
            survivors += not names
            table.add_row(mutant.step, "\n".join(names) or "NOBODY")
    out.print(table)
    out.print(f"{len(mutants) - survivors} caught, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
