"""What a fuzz target is, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from host_tests.kit.device_process import ROOT

Progress = Callable[[int], None]
DEVICE = ROOT / "host_tests" / "device"


@dataclass(frozen=True)
class Finding:
    """One input that broke a promise: which one of the run, its bytes, and how it broke it."""

    index: int
    data: bytes
    why: str


@dataclass
class Outcome:
    """How a run of one target went. figures: what was measured, by name."""

    inputs: int
    findings: list[Finding] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)

    def report(self) -> str:
        """The first findings, for people."""
        lines = [f"{len(self.findings)} of {self.inputs} inputs"]
        for one in self.findings[:5]:
            shown = one.data[:400].hex() + ("..." if len(one.data) > 400 else "")
            lines.append(f"input {one.index}: {one.why}\n  {shown}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Target:
    """run(seed, count, progress) draws and tries `count` inputs; progress(n): n more are done.

    count: how many inputs `make fuzz` tries; short: how many `make test` tries.
    """

    name: str
    what: str
    run: Callable[[int, int, Progress], Outcome]
    count: int = 5000
    short: int = 300
