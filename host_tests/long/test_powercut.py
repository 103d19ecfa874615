"""Power cuts at the interesting operations of an update; `make powercut` has all of them."""

from __future__ import annotations

import random
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from host_tests.kit.sim_desk import HEAD, IMAGES, make_board
from host_tests.long.powercut import cuts, files_oracle, oracle, runner, seeded, sets
from host_tests.long.powercut.cli import Campaign, make_recording
from host_tests.long.powercut.cuts import Cut
from host_tests.long.powercut.recording import Recording
from host_tests.long.powercut.recovery import Bench, Case
from tools.sim import vfs
from tools.sim.flash import Flash
from tools.sim.tape import Tape, Taped

SIZE = 65536
# What is cut at each time; "first" differs from "second" in otadata alone.
SHORT = {
    "first": runner.of_otadata,
    "second": runner.interesting,
    "files": runner.interesting,
    "delta": runner.of_otadata,
}
# And what is cut with `make test-all`: a full NVS, and the ways in which a board without memory
# takes the same update.
MORE = dict.fromkeys(("worn", "in turn", "alone"), runner.interesting)


class Recordings(dict[str, Recording]):
    """By name, each made when it is asked for: tests that run apart need not make all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __missing__(self, name: str) -> Recording:
        self[name] = make_recording(self.folder / name, name, SIZE)
        return self[name]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recording]:
    return Recordings(tmp_path_factory.mktemp("recordings"))


@pytest.mark.parametrize(
    "name", [*SHORT, *(pytest.param(name, marks=pytest.mark.long) for name in MORE)]
)
def test_no_power_cut_costs_the_board_or_the_update(
    recordings: dict[str, Recording], name: str
) -> None:
    campaign = Campaign(recordings[name], seed=1)
    chosen = {**SHORT, **MORE}[name](recordings[name])
    campaign.run(Console(quiet=True), pairs=6, jobs=2, chosen=chosen)
    assert not campaign.failures, "\n".join(campaign.told())
    assert {outcome.case.cut.op for outcome in campaign.single} == chosen
    assert sum(outcome.second for outcome in campaign.double) > 3


def test_a_cut_at_the_end_of_an_update_alone_leaves_no_start_without_the_application(
    recordings: dict[str, Recording],
) -> None:
    recording = recordings["alone"]
    campaign = Campaign(recording, seed=1)
    chosen = runner.of_otadata(recording)
    campaign.run(Console(quiet=True), pairs=0, jobs=2, chosen=chosen)
    assert not campaign.failures, "\n".join(campaign.told())
    assert {outcome.case.cut.op for outcome in campaign.single} == chosen


def test_a_cut_that_is_left_out_is_the_same_as_one_that_is_not(
    recordings: dict[str, Recording],
) -> None:
    recording = recordings["second"]
    chosen = runner.interesting(recording)
    assert chosen > runner.of_otadata(recording)
    brief = set(runner.brief(recording, chosen))
    left_out = {Cut(op, form) for op in chosen for form in cuts.FORMS} - brief
    assert left_out
    for cut in left_out:
        twin = Cut(cut.op + 1, "before")
        assert twin in brief
        assert cuts.flash_at(recording, cut, 1) == cuts.flash_at(recording, twin, 1)
        assert recording.state_at(cut.op).rows == recording.state_at(twin.op).rows


def test_of_an_update_of_files_the_exchange_is_cut_and_not_each_file(
    recordings: dict[str, Recording],
) -> None:
    recording = recordings["files"]
    ops = recording.operations
    chosen = runner.interesting(recording)
    last = max(n for n, op in enumerate(ops, 1) if op.partition == "vfs")
    exchange = max(n for n, op in enumerate(ops[:last], 1) if op.partition == "nvs")
    assert {*range(exchange, len(ops) + 1)} < chosen
    assert len(chosen) < len(ops) // 6


def test_a_set_of_files_that_is_mixed_or_not_whole_is_told(
    recordings: dict[str, Recording],
) -> None:
    recording = recordings["files"]
    entry = next(e for e in recording.entries if e.label == "vfs")

    def judged(name: str, data: bytes, task: str = "IN_PROGRESS") -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "flash.bin"
            path.write_bytes(recording.flash)
            flash = Flash(path)
            vfs.write_file(flash, entry, f"/assets/{name}", data)
            flash.close()
            image = oracle.Image(path.read_bytes(), recording.entries)
        return list(files_oracle.at_the_cut(recording, image, task))

    side = files_oracle.content(oracle.Image(recording.flash, recording.entries))[
        "/assets/current"
    ].decode()[0]
    assert judged("nothing", b"") == []
    assert judged("nothing", b"", "FAILED") == ["the task is FAILED although nothing has failed"]
    assert judged("nothing", b"", "SUCCEEDED") == ["the current version is 'f1'"]
    mixed = ["the set f1 is not whole, or mixed with another"]
    assert judged(f"{side}/plain.txt", sets.files("f2")["plain.txt"]) == mixed
    assert judged(f"{side}/more", b"") == mixed
    assert judged("current", b"%s f2\n" % side.encode()) == [mixed[0].replace("f1", "f2")]
    assert judged("current", b"") == ["the current version is ''"]


def test_the_recorded_operations_give_the_flash_that_the_board_had(tmp_path: Path) -> None:
    with make_board(tmp_path, tape=tmp_path / "tape") as board:
        board.write_slot(1, IMAGES[1])
        program = "n = NVS('a')\nn.set_blob('b', b'y' * 300)\nn.commit()\nother.set_boot()\n"
        board.install_file("/main.py", HEAD + program)
        flash = bytearray(board.path.read_bytes())
        board.power_on()
        board.wait_for(lambda: board.boots[-1].at_repl, what="end of main.py")
        board.power_cut()
        operations = list(Tape(tmp_path / "tape").read(board.entries))
        assert [(op.kind, op.address, op.length) for op in operations] == [
            (op.kind, op.address, op.length) for op in board.ops
        ]
        for op in operations:
            cuts.apply(flash, op)
        assert bytes(flash) == board.path.read_bytes()
        assert operations == sorted(operations, key=lambda op: op.time)


def test_a_cut_is_the_flash_of_its_moment_and_the_cloud_of_its_moment(
    recordings: dict[str, Recording],
) -> None:
    recording = recordings["second"]
    count = len(recording.operations)
    for op in (1, count // 2, count - 1):
        after = cuts.flash_at(recording, Cut(op, "after"), 1)
        assert after == cuts.flash_at(recording, Cut(op + 1, "before"), 1)
    states = [recording.state_at(op).task(recording.version) for op in range(1, count + 1)]
    at = states.index("SUCCEEDED")
    pushed = states.index("NOTIFIED")  # before it the board has noted that it started
    assert set(states[:pushed]) <= {"QUEUED"}
    assert set(states[pushed:at]) == {"NOTIFIED", "IN_PROGRESS"}
    assert set(states[at:]) == {"SUCCEEDED"}
    # The report is acknowledged first, and the confirmation is the first thing after it.
    assert recording.operations[at].partition == "otadata"


def test_a_torn_operation_is_neither_done_nor_undone() -> None:
    old = bytes(range(1, 256)) * 17
    for seed in range(200):
        dice = random.Random(seed)
        flash = bytearray(old[:4096])
        cuts.tear(flash, Taped("erase", "ota_0", 0, 0, 4096, b"", 0.0), dice)
        torn = bytes(flash)
        assert torn not in (old[:4096], b"\xff" * 4096)
        assert torn.startswith(b"\xff") != torn.endswith(b"\xff")
        blank = bytearray(b"\xff" * 64)
        data = bytes(range(64))
        cuts.tear(blank, Taped("program", "ota_0", 0, 0, 64, data, 0.0), dice)
        whole = next((n for n in range(64) if blank[n] != data[n]), 64)
        assert blank[whole + 1 :] == b"\xff" * (63 - whole)
        assert all(now & then == then for now, then in zip(blank, data, strict=True))


def test_a_board_without_a_bootable_image_is_told(
    recordings: dict[str, Recording], tmp_path: Path
) -> None:
    recording = recordings["first"]
    flash = bytearray(recording.flash)
    at = next(e.address for e in recording.entries if e.label == "ota_0")
    flash[at : at + 4096] = b"\xff" * 4096
    outcome = _run(replace(recording, flash=bytes(flash)), tmp_path, "20:middle")
    assert any("no valid image" in wrong for wrong in outcome), outcome


def test_a_job_that_failed_is_told(recordings: dict[str, Recording], tmp_path: Path) -> None:
    recording = recordings["first"]
    states = [replace(state, rows={**state.rows}) for state in recording.states]
    for state in states:
        state.rows["task"] = [[*row[:7], "FAILED", *row[8:]] for row in state.rows["task"]]
    outcome = _run(replace(recording, states=states), tmp_path, "20:middle")
    assert any("FAILED" in wrong for wrong in outcome), outcome


def _run(recording: Recording, folder: Path, case: str) -> list[str]:
    with Bench(recording, folder / "bench", seed=1, patience_s=10) as bench:
        return bench.run(Case.parse(case)).wrong


def test_a_confirmation_before_the_report_is_told(recordings: dict[str, Recording]) -> None:
    recording = recordings["first"]
    ops = recording.operations
    last = next(op for op in reversed(ops) if op.partition == "otadata" and op.data)
    told = list(oracle.while_it_ran(recording, [], ops, last.time + 1))
    assert told == ["the new version was confirmed before the cloud had heard of it"]
    assert list(oracle.while_it_ran(recording, [], ops, last.time - 0.001)) == []


def test_a_write_to_the_running_slot_is_told(recordings: dict[str, Recording]) -> None:
    recording = recordings["first"]
    at = next(e.address for e in recording.entries if e.label == "ota_0")
    op = Taped("erase", "ota_0", at, 0, 4096, b"", 0.0)
    assert list(oracle.while_it_ran(recording, [], [op], 0.0)) == [f"erase at {at:#x} (ota_0)"]
    flash = bytearray(cuts.flash_at(recording, Cut(len(recording.operations), "after"), 1))
    good = oracle.Image(flash, recording.entries)
    assert list(oracle.at_the_end(recording, good, "SUCCEEDED")) == []
    flash[at + 500] ^= 1
    bad = oracle.Image(flash, recording.entries)
    assert len(list(oracle.at_the_end(recording, bad, "SUCCEEDED"))) == 1


@pytest.mark.parametrize("bug", seeded.BUGS, ids=lambda bug: bug.name)
def test_each_seeded_bug_still_fits_the_code(bug: seeded.Bug) -> None:
    assert seeded.with_bug(bug) != (seeded.ROOT / bug.file).read_text()
