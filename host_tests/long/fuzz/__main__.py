"""make fuzz: thousands of hostile inputs a target, with a line of progress; ends with 1 on a find.

The same seed draws the same inputs: a finding is seen again with --target and --seed of its run.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from host_tests.long.fuzz.targets import TARGETS


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(
        allow_abbrev=False, prog="make fuzz FUZZ=", description=__doc__
    )
    parser.add_argument(
        "--target", action="append", choices=sorted(TARGETS), help="only this one (repeatable)"
    )
    parser.add_argument("--seed", type=int, help="draw these inputs (default: a new seed)")
    parser.add_argument("--count", type=int, help="inputs a target (default: the target's own)")
    return parser.parse_args()


def main() -> int:
    """Run the targets; 0 when nothing was found."""
    args = arguments()
    seed = args.seed if args.seed is not None else secrets.randbelow(1_000_000)
    out = Console(soft_wrap=True)
    table = Table(title=f"seed {seed}", title_justify="left")
    for column in ("target", "inputs", "findings", "seconds", "figures"):
        table.add_column(column)
    found = 0
    columns = (TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=out) as bar:
        for name in args.target or TARGETS:
            target = TARGETS[name]
            count = args.count or target.count
            job = bar.add_task(name, total=count)
            began = time.monotonic()

            def progress(done: int, job: object = job) -> None:
                bar.advance(job, done)  # type: ignore[arg-type]

            outcome = target.run(seed, count, progress)
            took = time.monotonic() - began
            figures = ", ".join(f"{key} {value}" for key, value in outcome.figures.items())
            bad = len(outcome.findings)
            table.add_row(name, str(outcome.inputs), str(bad), f"{took:.0f}", figures)
            if bad:
                out.print(f"{name}: {outcome.report()}", markup=False)
                out.print(
                    f'again: make fuzz FUZZ="--target {name} --seed {seed} --count {count}"',
                    markup=False,
                )
            found += bad
    out.print(table)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
