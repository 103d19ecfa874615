"""What an application answers to an offered job: yes, no, later, or an exception."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_tests.kit.rig import Rig, app


def test_hooks_accept_refuse_and_put_off(tmp_path: Path) -> None:
    source = app(
        prologue="answers = [1, 'not while the pump runs', True]\n"
        "def ask(job):\n    print('asked', job.version)\n    return answers.pop(0)",
        options="on_job=ask, on_progress=lambda p: print('progress', p),"
        " on_state=lambda s: print('state', s), before_reset=lambda: print('last words')",
    )
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", source)
        rig.update("1.1.0")
        # Put off for a second, then refused.
        assert "not while the pump runs" in rig.ends("1.1.0", "FAILED")
        assert rig.progress()[0]["desc"] == "deferred"
        assert rig.steps()[0] == 1
        rig.wait_count("asked 1.1.0", 2)
        rig.push("1.1.0")
        rig.ends("1.1.0", "SUCCEEDED")
        rig.says("start 1.1.0")
        console = rig.board.console_text()
        for line in ("state downloading", "state verifying", "progress 99", "progress 100"):
            assert line in console
        assert console.index("last words") < console.index("start 1.1.0")


def test_a_hook_that_raises_costs_neither_the_update_nor_the_main_loop(tmp_path: Path) -> None:
    source = app(
        prologue="def bad(*args):\n    raise ValueError('hook')",
        options="on_progress=bad, on_state=bad, before_reset=bad, feed=bad",
    )
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", source)
        rig.update("1.1.0")
        rig.ends("1.1.0", "SUCCEEDED")
        rig.confirmed(1)
        assert rig.board.console_text().count("feed failed: ValueError: hook") == 1


# An hour is over in a second.
HURRIED = """
from alink import deferral
deferral.keep = True

class Hurried:
    time, ticks_ms, ticks_diff = time.time, time.ticks_ms, time.ticks_diff

    def ticks_add(ticks, ms):
        print("waits", ms)
        return time.ticks_add(ticks, min(ms, 1000))

deferral.time = Hurried
"""


@pytest.mark.parametrize(
    ("mistake", "seconds"), [("1 / 0", 3600), ("{}", 3600), ("bytearray(1 << 40)", 60)]
)
def test_a_release_whose_on_job_is_broken_can_still_be_replaced_over_the_air(
    tmp_path: Path, mistake: str, seconds: int
) -> None:
    source = app(prologue=f"{HURRIED}\ndef ask(job):\n    return {mistake}", options="on_job=ask")
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", source)
        rig.update("1.1.0")
        rig.ends("1.1.0", "SUCCEEDED")
        said = [p["desc"] for p in rig.progress() if p["desc"].startswith("on_job failed")]
        assert len(said) == 3, "the platform is told each time"
        assert all(f"put off for {seconds} s: " in desc for desc in said)
        assert rig.board.console_text().count(f"waits {seconds}000\n") >= 3


def test_failures_of_on_job_are_counted_over_a_reset(tmp_path: Path) -> None:
    source = app(
        prologue=f"{HURRIED}\nimport machine\ndef ask(job):\n    machine.Timer(2).init("
        "mode=machine.Timer.ONE_SHOT, period=300, callback=lambda t: machine.reset())\n    1 / 0",
        options="on_job=ask",
    )
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", source)
        rig.update("1.1.0")
        rig.ends("1.1.0", "SUCCEEDED")
        assert len([p for p in rig.progress() if p["desc"].startswith("on_job failed")]) == 3


def test_a_hook_that_polls_does_not_run_the_machine_within_itself(tmp_path: Path) -> None:
    source = app(
        options="on_state=lambda s: (print('state', s), updater.poll()),"
        " before_reset=lambda: (print('last words'), updater.poll())"
    ).replace("updater = Updater(", "updater = None\nupdater = Updater(")
    source = source.replace("updater.poll())", "updater and updater.poll())")
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", source)
        rig.update("1.1.0")
        rig.ends("1.1.0", "SUCCEEDED")
        assert rig.board.console_text().count("last words") == 1
        assert rig.steps().count(100) == 1


def test_a_job_put_off_is_still_put_off_after_a_power_cut(tmp_path: Path) -> None:
    source = app(
        prologue="def ask(job):\n    print('asked', job.version)\n"
        "    return 4 if first else True\n"
        "first = Store('test').get_int('asked') == 0\n"
        "Store('test').set_int('asked', 1)",
        options="on_job=ask",
    )
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", source)
        rig.update("1.1.0")
        rig.says("asked 1.1.0")
        rig.wait(lambda: rig.steps() == [1], "deferred")
        rig.board.power_cut()
        rig.board.power_on()
        rig.wait(lambda: len(rig.sent("/inform/")) == 2, "the board to be back")
        assert rig.board.console_text().count("asked") == 1, "asked again before its time"
        rig.ends("1.1.0", "SUCCEEDED")
        rig.wait_count("asked", 2)
