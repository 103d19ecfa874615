"""make soak: updates back and forth, every fifth release bad in a way of its own, in one run.

Each bad one has to be named in the cloud for what it is, and each board, whatever it was sent, to
take the next good one. After each of those everything that could pile up is counted: the board's
heap after a collection, open files of board and cloud, NVS entries and pages, the cloud's memory,
tasks, threads and records; and so it is with jobs that fail, afterwards. Ends with 1 when any of
them has grown over the run, and stops where a board is lost or a fault is misnamed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import json
import os
import re
import sys
import tempfile
import threading
import tracemalloc
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from host_tests.kit.bad_releases import PROVE_MS, Bad, releases
from host_tests.kit.rig import PK, Rig, app

KEEP = 20  # records of each kind the cloud keeps in this run, for each board
GOOD = ("1.0.0", "1.1.0")
SAFE_MODE = "E100 safe-mode: "
# How much the end of the run may lie above its beginning. Heap: the collector is conservative,
# a word on the stack may keep an object or two alive. Records: half of them go at once.
SLACK = {
    "board_heap": 1024,
    "cloud_bytes": 24 * 1024,
    "cloud_records": KEEP // 2,
    "nvs_pages": 1,
}

SOURCE = app(
    setup="""
import gc
def told(state):
    if state == "idle":
        gc.collect()
        print("heap idle %s %d" % (VERSION, gc.mem_alloc()))
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


@dataclass(frozen=True)
class Step:
    """One release: a version, its package, and what is wrong with it (None: nothing)."""

    version: str
    image: bytes
    bad: Bad | None


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
    heaps = re.findall(r"heap idle \S+ (\d+)", rig.board.console_text())
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


def settled(boards: list[Rig]) -> None:
    """Wait until the last download's connection is gone and the boards are signed in."""
    rig, count = boards[0], len(boards)
    rig.wait(lambda: all(one.ended for one in rig.fetched()), "the downloads to end")
    rig.wait(
        lambda: rig.cloud.connections == count and not rig.cloud._program.web.connections,
        "the old connections to close",
    )


def planned(count: int, every: int, folder: Path) -> list[Step]:
    """`count` releases, of which each `every`-th is bad, beginning with the first.

    The good ones are 1.1.0 and 1.0.0 in turn.
    """
    works = [Bad("works", "", SOURCE, ends="SUCCEEDED").image(folder, one) for one in GOOD]
    kinds = itertools.cycle(releases(SOURCE))
    steps = []
    good = 0
    for number in range(count):
        if number % every == 0:
            version = f"2.{number}.0"
            bad = next(kinds)
            steps.append(Step(version, bad.image(folder, version), bad))
        else:
            good = 1 - good
            steps.append(Step(GOOD[good], works[good], None))
    return steps


def updates(boards: list[Rig], steps: list[Step], each: Callable[[], object]) -> list[Sample]:
    """Play it; a sample after each good release."""
    first = boards[0]
    samples = []
    bad = None
    for step in steps:
        if step.bad is not None:
            bad = step.bad
            play(boards, step, bad)
        else:
            works(boards, step.version)
            if bad is not None and bad.later:
                for rig in boards:
                    task = rig.cloud.task(PK, rig.name, step.version)
                    told = [event.desc for event in task.history]
                    assert any(bad.named in desc for desc in told), f"{bad.name}: {told}"
            bad = None
            settled(boards)
            samples.append(measure(first))
        # (A record of it may be gone later: few are kept.)
        for rig in boards:
            blamed = [desc for desc in said(rig) if f"{SAFE_MODE}1." in desc]
            assert not blamed, f"a good version is blamed: {blamed}"
        each()
    return samples


def works(boards: list[Rig], version: str) -> None:
    """The boards take a good version."""
    text = f"heap idle {version} "
    before = [(rig.boots_slot(), rig.board.console_text().count(text)) for rig in boards]
    for rig in boards:
        rig.push(version)
    for rig, (slot, idle) in zip(boards, before, strict=True):
        rig.ends(version, "SUCCEEDED")
        rig.confirmed(1 - slot)
        rig.wait_count(text, idle + 1)


def play(boards: list[Rig], step: Step, bad: Bad) -> None:
    """The boards are sent a bad version, and the cloud learns what is wrong with it."""
    version = step.version
    boards[0].release(version, step.image)
    named = bad.named.format(version)
    before = [rig.boots_slot() for rig in boards]
    for rig in boards:
        rig.push(version)
    for rig, slot in zip(boards, before, strict=True):
        desc = rig.ends(version, bad.ends)
        if bad.ends == "FAILED":
            assert named in desc, f"{bad.name}: {desc}"
            assert rig.boots_slot() == slot, f"{bad.name}: it would boot again"
            continue
        # (The cloud hears of it before that is written down: till then the other slot boots next.)
        rig.confirmed(1 - slot)
        if named and not bad.later:
            told = partial(names, rig, named)
            rig.wait(told, f"{bad.name}: {named}")


def names(rig: Rig, text: str) -> bool:
    """Whether the board has told the cloud this."""
    return any(text in desc for desc in said(rig))


def said(rig: Rig) -> list[str]:
    """What the board has told the cloud of its updates (and others' boards of theirs)."""
    return [
        json.loads(one.payload)["params"]["desc"]
        for one in rig.sent(f"/ota/device/progress/{PK}/{rig.name}")
    ]


def failures(boards: list[Rig], count: int, each: Callable[[], object]) -> list[Sample]:
    """`count` jobs with a wrong digest, on a board that does not restart in between."""
    rig = boards[0]
    samples = []
    boots = len(rig.board.boots)
    before = rig.board.console_text().count("heap idle")
    version = GOOD[1 - GOOD.index(rig.cloud.version(PK, rig.name) or "")]
    for number in range(count):
        wrong = f"{number:032x}"
        rig.push(version, sign=wrong, md5=wrong)
        rig.ends(version, "FAILED")
        rig.wait_count("heap idle", before + number + 1)
        settled(boards)
        samples.append(measure(rig))
        each()
    assert len(rig.board.boots) == boots, "a failed job restarted the board"
    return samples


def soak(
    folder: Path, count: int, every: int, failed: int, boards: int, each: Callable[[], object]
) -> tuple[list[Sample], list[Sample]]:
    """The whole run: `count` releases, then `failed` jobs; each() is called after each of them."""
    steps = planned(count, every, folder)
    good = [next(step for step in steps if step.version == version) for version in GOOD]
    tracemalloc.start()
    try:
        with ExitStack() as stack:
            first = stack.enter_context(Rig(folder, keep=KEEP * boards))
            fleet = [first]
            for number in range(1, boards):
                home = folder / f"board_{number}"
                home.mkdir()
                fleet.append(stack.enter_context(Rig(home, beside=first, name=home.name)))
            # The platform's five sign-ins a minute would stretch the run to hours.
            first.cloud.faults.connects_per_minute = None
            for step in good:
                first.release(step.version, step.image)
            for rig in fleet:
                rig.limits(prove_ms=PROVE_MS, wdt_ms=4000, pause_ms=10)
                rig.board.write_slot(0, good[0].image)
                rig.board.power_on()
            for rig in fleet:
                rig.reports(GOOD[0])
            samples = updates(fleet, steps, each)
            for rig in fleet:
                version = rig.cloud.version(PK, rig.name)
                assert version == steps[-1].version, f"{rig.name} is left behind"
                assert rig.cloud.listens(PK, rig.name), f"{rig.name} is out of reach"
            return samples, failures(fleet, failed, each)
    finally:
        tracemalloc.stop()


def main() -> int:
    """Run and show; 0 when nothing has grown."""
    parser = argparse.ArgumentParser(
        allow_abbrev=False, prog="make soak SOAK=", description=__doc__
    )
    parser.add_argument("--updates", type=int, default=200)
    parser.add_argument("--every", type=int, default=5, help="which of them are bad (5: a fifth)")
    parser.add_argument("--failures", type=int, default=50)
    parser.add_argument("--boards", type=int, default=2)
    args = parser.parse_args()
    out = Console(soft_wrap=True)
    bar = iter(track(range(args.updates + args.failures), "soak", console=out))
    next(bar)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        runs = soak(
            Path(folder),
            args.updates,
            args.every,
            args.failures,
            args.boards,
            lambda: next(bar, None),
        )
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
        # (In the first two fifths there has been a bad release of each kind.)
        bad += [f"{name}: {one}" for one in grown(samples, len(samples) * 2 // 5)]
    out.print("\n".join(bad) or "nothing has grown")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
