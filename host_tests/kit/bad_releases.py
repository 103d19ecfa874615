"""Releases that are bad, each in its own way, and what the cloud has to be told of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from host_tests.kit.rig import app, firmware
from tools.images import build_image

# In turns of the main loop and in states, not in time: while it proves itself (PROVE_MS), and
# once it is confirmed.
PROVE_MS = 500
WHILE_PROVING = "turns += device.connected\n    if turns == 5: "
CONFIRMED = "if updater.state == 'idle' and not trial.running(): "

# An hour is over in a moment.
HURRIED = """
from alink import deferral
deferral.keep = True

class Hurried:
    time, ticks_ms, ticks_diff = time.time, time.ticks_ms, time.ticks_diff

    def ticks_add(ticks, ms):
        # (Its question is asked again soon, and not before a busy machine could answer.)
        return time.ticks_add(ticks, 50 if ms > 60000 else min(ms, 5000))

deferral.time = Hurried

def ask(job):
    return job.no_such_thing
"""


@dataclass(frozen=True)
class Bad:
    """source: its main.py; files: more of it; none of both: a firmware alone.

    named: what the cloud is told, {} in it the version. ends: of its own task. With "FAILED" it is
    told in that task, else as progress: by itself, or with the next job (`later`); "": there is
    nothing to tell.
    """

    name: str
    named: str
    source: str | None
    ends: str = "FAILED"
    later: bool = False
    calls_itself: str = "{}"
    files: dict[str, str] = field(default_factory=dict)

    def image(self, folder: Path, version: str) -> bytes:
        """The package of it; folder: where its sources are put."""
        plain = firmware(16384)
        if self.source is None:
            return plain
        folder = folder / f"app-{version}"
        for name, text in {"main.py": self.source, **self.files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return build_image(plain, folder, self.calls_itself.format(version))


def releases(good: str) -> tuple[Bad, ...]:
    """One of each kind. good: the main.py of an application that works."""
    return (
        Bad(
            "raises at once",
            "E90 trial-crashed: {} fell (boots 1, reset) ValueError: at once",
            app(prologue="raise ValueError('at once')"),
        ),
        Bad(
            "raises after 30 s",
            "E90 trial-crashed: {} fell (boots 1, reset) ValueError: after a while",
            app(setup="turns = 0", loop=WHILE_PROVING + "raise ValueError('after a while')"),
        ),
        Bad(
            "raises after 10 min",
            "E100 safe-mode: {} ended: ValueError: the table is full",
            app(loop=CONFIRMED + "raise ValueError('the table is full')"),
            ends="SUCCEEDED",
        ),
        Bad(
            "returns",
            "E90 trial-crashed: {} fell (boots 1, reset) main.py has ended",
            app(setup="turns = 0", loop=WHILE_PROVING + "break"),
        ),
        Bad(
            "returns after 10 min",
            "E100 safe-mode: {} ended: main.py has ended",
            app(loop=CONFIRMED + "break"),
            ends="SUCCEEDED",
        ),
        Bad(
            "hangs",
            "E92 trial-watchdog: {} fell (boots 1, watchdog)",
            app(prologue="time.sleep(100000)"),
        ),
        Bad("is another version", "E99 trial-version: {} fell", good, calls_itself="{}.0"),
        Bad("has no application", "E69 no-application: ", None),
        Bad(
            "hides what an update needs",
            "E101 trial-no-updates: {} fell (boots 1, reset) hashlib.py has no md5",
            good,
            files={"lib/hashlib.py": "from uhashlib import sha256\n"},
        ),
        Bad(
            "hides what alink finds all the same",
            "",
            "import requests, umqtt.simple\n" + good,
            ends="SUCCEEDED",
            files={
                "lib/requests.py": "def get(url): return 'mine'\n",
                "lib/umqtt/simple.py": "class MQTTClient: pass\n",
            },
        ),
        Bad(
            "breaks on_job",
            "on_job failed, put off for 3600 s: AttributeError ",
            app(prologue=HURRIED, options="on_job=ask"),
            ends="SUCCEEDED",
            later=True,
        ),
        Bad(
            "eats memory",
            "E100 safe-mode: {} ended: MemoryError: ",
            app(setup="held = []", loop=CONFIRMED + "held.append(bytearray(65536))"),
            ends="SUCCEEDED",
        ),
    )
