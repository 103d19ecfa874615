"""Whole updates through the fault proxy: an input is a seed, and with it the whole bad network."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from host_tests.kit.proxied import Played, play
from host_tests.long.fuzz.target import Finding, Outcome, Progress


def run(seed: int, count: int, progress: Progress) -> Outcome:
    """Two updates at a time; TLS and plain MQTT in turn."""
    outcome = Outcome(count)
    longest = faults = 0.0
    with tempfile.TemporaryDirectory(prefix="proxied-") as folder:

        def one(index: int) -> Played:
            return play(Path(folder) / str(index), seed * 1000 + index, secure=index % 2 == 0)

        with ThreadPoolExecutor(2) as pool:
            for index, played in enumerate(pool.map(one, range(count))):
                longest = max(longest, played.longest_ms)
                faults += len([p for p in played.gateway + played.downloads if p.end != "none"])
                if played.wrong:
                    plans = ", ".join(map(str, [*played.gateway, "|", *played.downloads]))
                    why = f"{plans}: " + "\n".join(played.wrong)
                    outcome.findings.append(Finding(index, str(seed * 1000 + index).encode(), why))
                progress(1)
    outcome.figures = {"faults": f"{faults:.0f}", "longest_poll_ms": f"{longest:.0f}"}
    return outcome
