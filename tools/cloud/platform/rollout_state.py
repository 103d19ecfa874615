"""How far a rollout is: kept in a file beside its plan, so that it goes on after any end."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tools.cli import Refused
from tools.places import write_output

RUNNING, DONE, STOPPED = "running", "done", "stopped"


@dataclass
class Begun:
    """An update batch that a phase has made, for these devices."""

    phase: int
    job: str
    names: list[str]
    verify: bool = False  # it is the verification of the package
    over: bool = False  # none of its tasks changes any more


@dataclass
class Standing:
    """`phase` counts from 0; times are in seconds since 1970.

    `todo` are devices of this phase that have no batch yet, `held` those that a pause has taken
    out of theirs; `doubt` is true from before a batch is asked for until its answer is here; `at`
    is the place.
    """

    plan: str
    at: str
    state: str = RUNNING
    why: str = ""
    phase: int = 0
    began: float | None = None
    enough: float | None = None
    batches: list[Begun] = field(default_factory=list)
    todo: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    paused: bool = False
    doubt: bool = False

    def of(self, phase: int) -> list[Begun]:
        """The batches of a phase, in their order."""
        return [one for one in self.batches if one.phase == phase]

    @property
    def offered(self) -> set[str]:
        """Every device that is or was in a phase."""
        return {name for one in self.batches for name in one.names}


def path_of(plan: Path) -> Path:
    """Where the standing of a plan is."""
    return plan.with_suffix(".state.json")


def pause_of(plan: Path) -> Path:
    """What is there while a plan is paused."""
    return plan.with_suffix(".paused")


def underway(plan: Path, at: str) -> Standing:
    """The standing of a rollout that has begun and not ended. Raises Refused."""
    found = _read(plan)
    if found is None or found.state != RUNNING or not (found.batches or found.todo):
        raise Refused(f"no rollout of {plan} is under way", "Begin it with `rollout run`.")
    if found.at != at:
        raise Refused(f"the rollout of {plan} is at {found.at}", f"Write --at {found.at}.")
    return found


def load(plan: Path, at: str, *, again: bool = False) -> Standing:
    """How far a plan is; a new standing when it has not begun, or anew when it has ended.

    Raises Refused for a plan that was changed, or goes elsewhere, while it runs.
    """
    digest = hashlib.sha256(plan.read_bytes()).hexdigest()
    standing = _read(plan)
    if standing is None or not (standing.batches or standing.todo):
        return Standing(digest, at)
    same = (standing.plan, standing.at) == (digest, at)
    if standing.state == RUNNING and not same:
        raise Refused(
            f"{plan} was changed, or is for another place, while its rollout runs",
            "Put it back, or end the rollout first: rollout stop.",
        )
    return standing if same and not again else Standing(digest, at)


def _read(plan: Path) -> Standing | None:
    path = path_of(plan)
    if not path.exists():
        return None
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        batches = [Begun(**one) for one in said.pop("batches")]
        return Standing(**said, batches=batches)
    except (ValueError, TypeError, KeyError):
        raise Refused(
            f"{path} is not what a rollout has left", "Remove it to begin from the first phase."
        ) from None


def save(plan: Path, standing: Standing) -> None:
    """Keep it, whole or not at all."""
    write_output(path_of(plan), json.dumps(asdict(standing), indent=1).encode())


@contextmanager
def alone(plan: Path) -> Iterator[None]:
    """No other program moves this rollout meanwhile. Raises Refused."""
    with os.fdopen(os.open(plan, os.O_RDONLY)) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                f"another program runs {plan}", "Wait for it; pause it with `rollout pause`."
            ) from None
        yield
