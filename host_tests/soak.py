"""make soak: updates back and forth, and jobs that fail, in one run on one board and one cloud.

After each one everything that could pile up is counted: the board's heap after a collection, open
files of board and cloud, NVS entries and pages, the cloud's memory, tasks, threads and records.
Ends with 1 when any of them has grown over the run.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import re
import sys
import tempfile
import threading
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from host_tests.rig import DN, PK, Rig, app

KEEP = 40  # records of each kind the cloud keeps in this run
# How much the end of the run may lie above its beginning. Heap: the collector is conservative,
# a word on the stack may keep an object or two alive.
SLACK = {"board_heap": 1024, "cloud_bytes": 24 * 1024, "nvs_pages": 1}

SOURCE = app(
    setup="""
import gc
def told(state):
    if state == "idle":
        gc.collect()
        print("heap idle %d" % gc.mem_alloc())
updater.on_state = told
""",
)


@dataclass(frozen=True)
class Sample:
    """What there was after one update (bytes or a count); board_files -1: not on this system."""

    board_heap: int
    board_files: int
    nvs_entries: int
    nvs_pages: int
    cloud_bytes: int
    cloud_files: int
    cloud_connections: int
    cloud_tasks: int
    cloud_timers: int
    cloud_records: int
    threads: int


def grown(samples: list[Sample], warm: int) -> list[str]:
    """What is larger in the last quarter of a run than it ever was up to sample `warm`.

    Small values may swing; only one that stays above the early ones has grown.
    """
    early, late = samples[: warm + 1], samples[-max(1, len(samples) // 4) :]
    found = []
    for field in fields(Sample):
        before = max(getattr(one, field.name) for one in early)
        after = min(getattr(one, field.name) for one in late)
        if after > before + SLACK.get(field.name, 0):
            found.append(f"{field.name}: {before} at first, {after} in the end")
    return found


def measure(rig: Rig) -> Sample:
    """Count everything, with the board signed in and idle."""
    cloud, program = rig.cloud, rig.cloud._program
    heaps = re.findall(r"heap idle (\d+)", rig.board.console_text())
    keys = rig.board.nvs_keys()
    partition = rig.board.partition("nvs")
    nvs = rig.board.flash.read(partition.address, partition.size)
    sectors = [nvs[at : at + 4096] for at in range(0, len(nvs), 4096)]
    gc.collect()
    held = tracemalloc.take_snapshot().filter_traces(
        [tracemalloc.Filter(True, str(Path("*") / "tools" / "cloud" / "*"))]
    )
    records: tuple[list[Any], ...] = (
        cloud.messages,
        cloud.downloads,
        cloud.notes,
        cloud.violations,
    )
    return Sample(
        board_heap=int(heaps[-1]),
        board_files=_board_files(rig),
        nvs_entries=len(keys),
        nvs_pages=len([sector for sector in sectors if sector.count(0xFF) != 4096]),
        cloud_bytes=sum(trace.size for trace in held.traces),
        cloud_files=len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else -1,
        cloud_connections=cloud.connections,
        cloud_tasks=len(asyncio.all_tasks(cloud._loop)),
        cloud_timers=len(program.clock._timers),
        cloud_records=max(len(kind) for kind in records),
        threads=threading.active_count(),
    )


def _board_files(rig: Rig) -> int:
    runner = rig.board._runner
    proc = runner._proc if runner is not None else None
    folder = Path(f"/proc/{proc.pid}/fd") if proc is not None else Path("/nonexistent")
    return len(list(folder.iterdir())) if folder.exists() else -1


def settled(rig: Rig) -> None:
    """Wait until the last download's connection is gone and the board is signed in."""
    rig.wait(lambda: all(one.ended for one in rig.fetched()), "the downloads to end")
    rig.wait(
        lambda: rig.cloud.connections == 1 and not rig.cloud._program.web._state.connections,
        "the old connections to close",
    )


def updates(rig: Rig, count: int, each: Callable[[Sample], object]) -> list[Sample]:
    """`count` updates from 1.0.0 to 1.1.0 and back; a sample after each."""
    samples = []
    for version in ("1.0.0", "1.1.0"):
        rig.release(version, rig.image(version, SOURCE))
    for number in range(count):
        version = ("1.1.0", "1.0.0")[number % 2]
        rig.push(version)
        rig.ends(version, "SUCCEEDED", 120)
        rig.confirmed((number + 1) % 2)
        rig.wait_count("heap idle", number + 1)
        settled(rig)
        samples.append(measure(rig))
        each(samples[-1])
    return samples


def failures(rig: Rig, count: int, each: Callable[[Sample], object]) -> list[Sample]:
    """`count` jobs with a wrong digest, on a board that does not restart in between."""
    samples = []
    boots = len(rig.board.boots)
    before = rig.board.console_text().count("heap idle")
    version = "1.1.0" if rig.cloud.version(PK, DN) == "1.0.0" else "1.0.0"
    for number in range(count):
        wrong = f"{number:032x}"
        rig.push(version, sign=wrong, md5=wrong)
        rig.ends(version, "FAILED", 120)
        rig.wait_count("heap idle", before + number + 1)
        settled(rig)
        samples.append(measure(rig))
        each(samples[-1])
    assert len(rig.board.boots) == boots, "a failed job restarted the board"
    return samples


def soak(
    folder: Path, count: int, failed: int, each: Callable[[Sample], object]
) -> tuple[list[Sample], list[Sample]]:
    """The whole run; each(sample) is called after each update and each failed job."""
    tracemalloc.start()
    try:
        with Rig(folder, keep=KEEP) as rig:
            # The platform's five sign-ins a minute would stretch the run to hours.
            rig.cloud.faults.connects_per_minute = None
            rig.start("1.0.0", SOURCE)
            return updates(rig, count, each), failures(rig, failed, each)
    finally:
        tracemalloc.stop()


def main() -> int:
    """Run and show; 0 when nothing has grown."""
    parser = argparse.ArgumentParser(prog="make soak SOAK=", description=__doc__)
    parser.add_argument("--updates", type=int, default=200)
    parser.add_argument("--failures", type=int, default=50)
    args = parser.parse_args()
    out = Console(soft_wrap=True)
    bar = iter(track(range(args.updates + args.failures), "soak", console=out))
    next(bar)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        runs = soak(Path(folder), args.updates, args.failures, lambda _: next(bar, None))
    bad = []
    for name, samples in zip(("updates", "failed jobs"), runs, strict=True):
        table = Table(title=f"{len(samples)} {name}", title_justify="left")
        for column in ("", "after the first", "a tenth", "half", "the last", "most"):
            table.add_column(column)
        for field in fields(Sample):
            values = [getattr(one, field.name) for one in samples]
            picked = [values[len(values) * n // 10] for n in (0, 1, 5)] + [values[-1], max(values)]
            table.add_row(field.name, *map(str, picked))
        out.print(table)
        bad += [f"{name}: {one}" for one in grown(samples, len(samples) // 5)]
    out.print("\n".join(bad) or "nothing has grown")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
