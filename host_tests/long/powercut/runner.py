"""Runs cases on several benches at once, in processes of their own."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import random
import tempfile
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing.util import Finalize
from pathlib import Path

from host_tests.long.powercut.cuts import FORMS, Cut, every
from host_tests.long.powercut.recording import Recording
from host_tests.long.powercut.recovery import ENDS_S, Bench, Case, Outcome

_bench: Bench | None = None


def _set_up(recording: Path, scratch: Path, seed: int, patience_s: float) -> None:
    global _bench
    threading.Thread(target=_end_with_parent, daemon=True).start()
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=scratch))
    tempfile.tempdir = str(folder)  # for the board's own files: they go with the scratch folder
    _bench = Bench(Recording.load(recording), folder, seed, patience_s)
    Finalize(_bench, _bench.cloud.close, exitpriority=10)


def _end_with_parent() -> None:
    # A worker waits for work for ever, also after the process that would send it was killed. The
    # kernel ends this one's board when this one ends (tools/sim/interpreter.py).
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def _run(case: Case) -> Outcome:
    assert _bench is not None
    try:
        return _bench.run(case)
    except Exception as e:
        # A case that cannot be judged has failed; the others go on.
        return Outcome(case, [f"{type(e).__name__}: {e}"])


def run(
    recording: Recording,
    cases: Iterable[Case],
    *,
    seed: int,
    jobs: int,
    patience_s: float = ENDS_S,
) -> Iterator[Outcome]:
    """The outcome of each case, in the order in which they are ready."""
    with tempfile.TemporaryDirectory(prefix="powercut-") as scratch:
        pool = ProcessPoolExecutor(
            jobs,
            multiprocessing.get_context("spawn"),
            _set_up,
            (recording.folder, Path(scratch), seed, patience_s),
        )
        try:
            for done in as_completed([pool.submit(_run, case) for case in cases]):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def interesting(recording: Recording) -> set[int]:
    """Operations (1 is the first) that are not one like many: all but the middle of the slot.

    NVS and otadata, the slot's first and last block, and what comes before and after NVS. Of the
    files: the first and some in the middle, and all from the entry in NVS that comes before the
    exchange.
    """
    ops = recording.operations
    if recording.name == "files":
        begun = next(n for n, op in enumerate(ops, 1) if op.partition == "vfs")
        nvs = next(n for n, op in enumerate(ops, 1) if op.partition == "nvs" and n > begun)
        return {1, begun, len(ops) // 2} | set(range(nvs, len(ops) + 1))
    slot = [n for n, op in enumerate(ops, 1) if op.partition.startswith("ota_")]
    other = {n for n in range(1, len(ops) + 1) if n not in slot}
    beside = {n + step for n in other for step in (-1, 1)}
    return other | ({*slot[:2], *slot[-2:], *beside} & set(slot))


def of_otadata(recording: Recording) -> set[int]:
    """Operations of otadata, and what comes before and after each: what the boot ROM goes by."""
    ops = recording.operations
    otadata = [n for n, op in enumerate(ops, 1) if op.partition == "otadata"]
    return {n + step for n in otadata for step in (-1, 0, 1)} & set(range(1, len(ops) + 1))


def brief(recording: Recording, chosen: Collection[int]) -> list[Cut]:
    """Three cuts for each operation of `chosen`, but none twice.

    The flash after an operation is the flash before the next one; where the cloud has heard
    nothing in between, it is the same case.
    """
    return [
        cut
        for cut in every(recording)
        if cut.op in chosen
        and not (
            cut.form == "after"
            and cut.op + 1 in chosen
            and recording.state_at(cut.op) is recording.state_at(cut.op + 1)
        )
    ]


def pairs(outcomes: Sequence[Outcome], count: int, seed: int) -> list[Case]:
    """A sample of second cuts, each at an operation that the recovery from the first one has."""
    dice = random.Random(f"pairs {seed}")
    found: set[Case] = set()
    able = sorted((o for o in outcomes if o.operations), key=lambda o: str(o.case))
    for _ in range(count * 20):
        if not able or len(found) == count:
            break
        first = dice.choice(able)
        second = Cut(dice.randint(1, first.operations), dice.choice(FORMS))
        found.add(Case(first.case.cut, second))
    return sorted(found, key=str)
