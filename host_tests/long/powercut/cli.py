"""make powercut: cut the power at every flash operation of an update; does the board recover?"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from host_tests.long.powercut import cuts, runner, seeded
from host_tests.long.powercut.recording import UPDATES, Recording, record
from host_tests.long.powercut.recovery import ENDS_S, Bench, Case, Outcome

ROOT = Path(__file__).resolve().parents[3]
KEPT = ROOT / "build" / "powercut"
_SHOWN = 10  # failures that are told in full


@dataclass
class Campaign:
    """Every case of one recorded update, and what came of them.

    seed: of tears and pairs. patience_s: how long a recovery may take.
    """

    recording: Recording
    seed: int
    patience_s: float = ENDS_S
    single: list[Outcome] = field(default_factory=list)
    double: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def failures(self) -> list[Outcome]:
        """The outcomes that are wrong."""
        return [o for o in (*self.single, *self.double) if o.wrong]

    def run(
        self, out: Console, *, pairs: int, jobs: int, chosen: Collection[int] | None = None
    ) -> None:
        """Run every single cut (chosen: of these operations alone), then a sample of pairs."""
        began = time.monotonic()
        every = cuts.every(self.recording)
        singles = [
            Case(cut)
            for cut in (every if chosen is None else runner.brief(self.recording, chosen))
        ]
        name = self.recording.name
        self.single = self._part(out, f"{name} update, single cuts", singles, jobs)
        doubles = runner.pairs(self.single, pairs, self.seed)
        self.double = self._part(out, f"{name} update, second cuts", doubles, jobs)
        self.seconds = time.monotonic() - began

    def _part(self, out: Console, what: str, cases: list[Case], jobs: int) -> list[Outcome]:
        if not cases:
            return []
        results = runner.run(
            self.recording,
            cases,
            seed=self.seed,
            jobs=min(jobs, len(cases)),
            patience_s=self.patience_s,
        )
        return list(track(results, what, len(cases), console=out))

    def told(self) -> Iterator[str]:
        """The failures, the first of them in full, with the way to run each again."""
        kinds = Counter(wrong for o in self.failures for wrong in set(o.wrong))
        for wrong, count in kinds.most_common():
            yield f"{count} x {wrong}"
        for outcome in self.failures[:_SHOWN]:
            yield f"\n{self.recording.name} update, cut {outcome.case}"
            yield from (f"  {wrong}" for wrong in outcome.wrong)
            yield f"  again: {self.replay(outcome)}"

    def replay(self, outcome: Outcome) -> str:
        """The command that runs this one case again."""
        return (
            f"python -m host_tests.long.powercut --seed {self.seed} "
            f"--recording {self.recording.folder} --replay {outcome.case}"
        )


def main(arguments: list[str] | None = None) -> int:
    """The command; 0 when every board recovered."""
    parser = argparse.ArgumentParser(
        allow_abbrev=False, prog="python -m host_tests.long.powercut", description=__doc__
    )
    parser.add_argument("--size", type=int, default=64, help="KiB of the image's firmware (64)")
    parser.add_argument("--seed", type=int, default=1, help="of tears and pairs (1)")
    parser.add_argument("--pairs", type=int, default=150, help="second cuts for an update (150)")
    parser.add_argument("--jobs", type=int, default=2, help="recoveries at once (2)")
    parser.add_argument("--patience", type=float, default=ENDS_S, help="s for a recovery (60)")
    parser.add_argument("--update", choices=(*UPDATES, "all"), default="all", help="(all)")
    parser.add_argument("--brief", action="store_true", help="without the slot's like blocks")
    parser.add_argument("--keep", type=Path, default=KEPT, help="where recordings go")
    parser.add_argument("--recording", type=Path, help="use this one instead of a new one")
    parser.add_argument("--replay", metavar="CASE", help="one case of --recording: 57:middle")
    parser.add_argument("--seeded", action="store_true", help="does it find bugs made for it?")
    options = parser.parse_args(arguments)
    out = Console(soft_wrap=True)
    if options.seeded:
        return seeded.main(out)
    if options.replay:
        return _replay(out, options)
    campaigns = []
    for recording in _recordings(options):
        campaign = Campaign(recording, options.seed, options.patience)
        chosen = runner.interesting(recording) if options.brief else None
        campaign.run(out, pairs=options.pairs, jobs=options.jobs, chosen=chosen)
        campaigns.append(campaign)
        # Now, too: a run that is stopped half-way has told what it had found.
        out.print(f"{recording.name} update: {len(campaign.failures)} failures")
    return report(out, campaigns)


def _recordings(options: argparse.Namespace) -> list[Recording]:
    if options.recording:
        return [Recording.load(options.recording)]
    names = list(UPDATES) if options.update == "all" else [options.update]
    return [make_recording(options.keep / name, name, options.size * 1024) for name in names]


def make_recording(folder: Path, name: str, size: int) -> Recording:
    """Record an update into `folder`."""
    with tempfile.TemporaryDirectory(prefix="powercut-") as scratch:
        return record(folder, name, size, Path(scratch))


def report(out: Console, campaigns: list[Campaign]) -> int:
    """Say what came of it; 0 when nothing is wrong."""
    table = Table(title="power cuts", title_justify="left")
    columns = ("update", "operations", "cuts", "second cuts", "failures", "bytes again", "time")
    for column in columns:
        table.add_column(column, justify="left" if column == "update" else "right")
    for c in campaigns:
        table.add_row(
            c.recording.name,
            str(len(c.recording.operations)),
            str(len(c.single)),
            str(sum(o.second for o in c.double)),
            str(len(c.failures)),
            str(max((o.again for o in c.single), default=0)),
            f"{c.seconds:.0f} s",
        )
    out.print(table)
    for c in campaigns:
        for line in c.told():
            out.print(line, markup=False)
    cut, failures = sum(len(c.single) for c in campaigns), sum(len(c.failures) for c in campaigns)
    operations = sum(len(c.recording.operations) for c in campaigns)
    seconds = sum(o.second for c in campaigns for o in c.double)
    out.print(
        f"{operations} flash operations, {cut} cuts, {seconds} more with a second cut during the "
        f"recovery: {failures} failures"
    )
    return 1 if failures else 0


def _replay(out: Console, options: argparse.Namespace) -> int:
    recording = Recording.load(options.recording or options.keep / options.update)
    case = Case.parse(options.replay)
    op = recording.operations[case.cut.op - 1]
    out.print(
        f"operation {case.cut.op}: {op.kind} of {op.length} bytes in {op.partition} at "
        f"{op.offset:#x}; the task is {recording.state_at(case.cut.op).task(recording.version)}"
    )
    with (
        tempfile.TemporaryDirectory(prefix="powercut-") as scratch,
        Bench(recording, Path(scratch), options.seed) as bench,
    ):
        outcome = bench.run(case)
    out.print(outcome.console, markup=False)
    for wrong in outcome.wrong:
        out.print(f"wrong: {wrong}", markup=False)
    out.print(f"{'failed' if outcome.wrong else 'recovered'} in {outcome.seconds:.1f} s")
    return 1 if outcome.wrong else 0
