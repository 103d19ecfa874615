"""A board that gets its power back: one recovery after a cut, and what came of it."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from host_tests.kit.rig import DN, PK
from host_tests.long.powercut import files_oracle, oracle
from host_tests.long.powercut.cuts import Cut, flash_at
from host_tests.long.powercut.recording import Recording, desk, write_rows
from tools.cloud import LocalCloud
from tools.sim import Board

ENDS_S = 60.0  # for a recovery, unless told, and for a connection to be gone
_LOOK_S = 0.02  # between two looks at a board that recovers
_CONSOLE_TAIL = 3000


@dataclass(frozen=True)
class Case:
    """A cut, and perhaps a second one at an operation of the recovery from the first."""

    cut: Cut
    second: Cut | None = None

    def __str__(self) -> str:
        return f"{self.cut},{self.second}" if self.second else str(self.cut)

    @staticmethod
    def parse(text: str) -> Case:
        """A case as it is printed: "57:middle" or "57:middle,12:after". Raises ValueError."""
        first, _, second = text.partition(",")
        return Case(Cut.parse(first), Cut.parse(second) if second else None)


@dataclass
class Outcome:
    """What came of a case: nothing in `wrong` is a pass.

    operations: flash operations of the recovery. second: whether the second cut was reached.
    again: bytes of the image that were fetched after the last cut although flash had them.
    """

    case: Case
    wrong: list[str]
    operations: int = 0
    second: bool = False
    again: int = 0
    seconds: float = 0.0
    console: str = field(default="", repr=False)


class Bench:
    """One place to recover at: a cloud that is put back for each case, and a board made anew.

    folder: an empty one. seed: of the tears. patience_s: how long a recovery may take.
    Use it as a context manager. Two benches do not disturb each other.
    """

    def __init__(
        self, recording: Recording, folder: Path, seed: int, patience_s: float = ENDS_S
    ) -> None:
        self.recording = recording
        self.seed = seed
        self._patience_s = patience_s
        self._folder = folder
        shutil.copytree(recording.folder / "cloud", folder / "cloud")
        self.cloud = LocalCloud(folder / "cloud")
        self.cloud.faults.connects_per_minute = None
        self._judge: Any = files_oracle if recording.name == "files" else oracle
        self._downloads = 0  # how many there were at the last cut
        self._where = desk(folder / "desk", self.cloud)

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.cloud.close()

    def run(self, case: Case) -> Outcome:
        """Cut, switch on, wait until the board is at rest, judge."""
        began = time.monotonic()
        recording = self.recording
        outcome = Outcome(case, [])
        path, tape = self._folder / "flash.bin", self._folder / "tape"
        path.write_bytes(flash_at(recording, case.cut, self.seed))
        tape.unlink(missing_ok=True)
        # What the board of the case before had sent must not arrive in this one.
        self._wait_for_silence()
        state = recording.state_at(case.cut.op)
        write_rows(self._folder / "cloud" / "cloud.sqlite", state.rows)
        known = self._task() == "SUCCEEDED"
        messages, violations = len(self.cloud.messages), len(self.cloud.violations)
        with Board(path, tape=tape, **self._where) as board:
            before = self._power_is_gone(board, outcome)
            if case.second:
                board.cut_at(case.second.op, case.second.form)
            board.power_on()
            if self._follow(board, outcome) and case.second:
                outcome.second = True
                self._wait_for_silence()
                before = self._power_is_gone(board, outcome)
                board.power_on()
                if self._follow(board, outcome):
                    outcome.wrong.append("the board went off by itself")
            board.power_cut()
            assert board.tape is not None
            ops = list(board.tape.read(recording.entries))
            reported = 0.0 if known else self._reported(messages)
            outcome.wrong += self._judge.while_it_ran(recording, board.boots, ops, reported)
            outcome.console = board.console_text()[-_CONSOLE_TAIL:]
        after = oracle.Image(path.read_bytes(), recording.entries)
        outcome.wrong += self._judge.at_the_end(recording, after, self._task())
        served = sum(d.bytes_sent for d in self.cloud.downloads[self._downloads :])
        outcome.again = max(served - self._judge.missing(recording, before), 0)
        outcome.wrong += self._judge.cost(outcome.again)
        outcome.wrong += [f"{v.rule}: {v.detail}" for v in self.cloud.violations[violations:]]
        outcome.operations = len(ops)
        outcome.seconds = time.monotonic() - began
        return outcome

    def _power_is_gone(self, board: Board, outcome: Outcome) -> oracle.Image:
        """Judge the moment of a cut; what is served from here on is what the cut costs."""
        flash = oracle.Image(board.path.read_bytes(), self.recording.entries)
        outcome.wrong += self._judge.at_the_cut(self.recording, flash, self._task())
        self._downloads = len(self.cloud.downloads)
        return flash

    def _follow(self, board: Board, outcome: Outcome) -> bool:
        """Let the board run until it is at rest (False) or went off by an armed cut (True)."""
        deadline = time.monotonic() + self._patience_s
        while time.monotonic() < deadline:
            if not board.is_on:
                if not board.violation and not board.bricked:
                    return True
                outcome.wrong += [board.violation] if board.violation else []
                return False  # of a brick the boots tell
            task = self._task()
            if task in ("FAILED", "CANCELED") or (task == "SUCCEEDED" and self._at_rest(board)):
                return False
            time.sleep(_LOOK_S)
        outcome.wrong.append(f"the board did not come to rest within {self._patience_s:g} s")
        return False

    def _at_rest(self, board: Board) -> bool:
        if not self.cloud.listens(PK, DN):
            return False
        flash = oracle.Image(board.path.read_bytes(), self.recording.entries)
        return bool(self._judge.at_rest(self.recording, flash, board.running_slot()))

    def _task(self) -> str:
        return self.cloud.task(PK, DN, self.recording.version).state

    def _reported(self, mark: int) -> float | None:
        """When the cloud was first told the new version."""
        for message in self.cloud.messages[mark:]:
            if message.direction == "up" and "/ota/device/inform/" in message.topic:
                version = json.loads(message.payload)["params"]["version"]
                if version == self.recording.version:
                    return message.time
        return None

    def _wait_for_silence(self) -> None:
        """Wait until the cloud has heard all that a board without power had said."""
        deadline = time.monotonic() + ENDS_S
        while self.cloud.connections:
            if time.monotonic() > deadline:
                raise TimeoutError(f"a connection is still open after {ENDS_S:g} s")
            time.sleep(0.002)
