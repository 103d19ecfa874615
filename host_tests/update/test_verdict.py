"""What a trial comes to: no image is blamed for what it has not done, none passes for another."""

from __future__ import annotations

import pytest

from host_tests.kit.rig import DN, PK, Rig, app

# Done once: the next time the board does as it should.
ONCE = """
import esp32, machine
def once():
    store = Store("test")
    done = store.get_int("done")
    store.set_int("done", 1)
    return not done
"""


def gets_its_trial(rig: Rig, ran: list[int]) -> None:
    """1.1.0 is tried and stays, after these starts, and nobody is told of a failure."""
    rig.update("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    assert [boot.slot for boot in rig.board.boots] == ran
    assert [n for n in rig.steps() if n < 0] == []
    assert len(rig.fetched()) == 1, "it was downloaded again"


@pytest.mark.parametrize("restart", ["soft_reset()", "deepsleep(10)"])
def test_an_application_that_sleeps_or_restarts_before_the_new_image_ran_costs_no_attempt(
    rig: Rig, restart: str
) -> None:
    # The boot ROM is not asked: the old image goes on.
    last = f"before_reset=lambda: once() and machine.{restart}"
    rig.start("1.0.0", app(prologue=ONCE, options=last))
    gets_its_trial(rig, [0, 0, 1])


def test_a_board_that_is_reset_before_the_switch_does_not_blame_the_new_image(rig: Rig) -> None:
    # An application's own watchdog, say, while set_boot() reads the whole image.
    source = ONCE + (
        "set_boot = esp32.Partition.set_boot\n"
        "esp32.Partition.set_boot = lambda part: machine.reset() if once() else set_boot(part)"
    )
    rig.start("1.0.0", app(prologue=source))
    gets_its_trial(rig, [0, 0, 1])


def test_an_application_that_always_sleeps_before_the_new_image_runs_is_told_of_it(
    rig: Rig,
) -> None:
    rig.start("1.0.0", app(prologue=ONCE, options="before_reset=machine.soft_reset"))
    rig.update("1.1.0")
    desc = rig.ends("1.1.0", "FAILED")
    assert "E95 trial-interrupted: 1.1.0 fell (boots 0, soft reset)" in desc
    assert [boot.slot for boot in rig.board.boots] == [0] * 6


@pytest.mark.parametrize("version", ["1.0.0", "1.0.5"])
def test_an_image_that_is_not_the_version_of_its_job_is_not_fetched_for_ever(
    rig: Rig, version: str
) -> None:
    # A forgotten --version: it works, and the platform offers it again and again.
    rig.start("1.0.0")
    rig.release("1.1.0", rig.image(version))
    for fetched in (1, 2, 3):
        rig.push("1.1.0")
        desc = rig.ends("1.1.0", "FAILED")
        assert f"E99 trial-version: 1.1.0 fell (boots 1, reset) it says {version}; " in desc
        assert "build it again with the --version of its package" in desc
        assert len(rig.fetched()) == fetched
    rig.push("1.1.0")
    assert "E27 attempts" in rig.ends("1.1.0", "FAILED")
    assert len(rig.fetched()) == 3
    assert rig.cloud.version(PK, DN) == "1.0.0"
    # The same again, with its right version.
    rig.update("1.1.1")
    rig.ends("1.1.1", "SUCCEEDED")


def put_off(rig: Rig, retry_ms: int) -> None:
    """The trial of 1.1.0 has never had a link; 1.0.0 runs again and signs in."""
    rig.limits(no_link_ms=500)
    rig.start("1.0.0", app(options=f"retry_trial_ms={retry_ms}"))
    rig.update("1.1.0")
    rig.wait(lambda: rig.steps()[-1:] == [100], "the image to be stored")
    rig.cloud.go_dead(refuse=True)
    rig.board.wait_for(lambda: len(rig.board.boots) == 3, 120, "the fall-back")
    rig.cloud.come_back()


def queries(rig: Rig) -> int:
    return len(rig.sent("/firmware/get"))


@pytest.mark.parametrize("heard", [False, True])
def test_a_trial_that_was_put_off_is_not_run_when_its_job_was_cancelled_meanwhile(
    rig: Rig, heard: bool
) -> None:
    put_off(rig, 4500)
    if heard:  # in the first answer it was still offered
        asked = queries(rig)
        rig.wait(lambda: queries(rig) > asked, "the query after the sign-in")
        rig.wait(lambda: rig.sent("/firmware/get"), "its answer")
    rig.cloud.cancel(PK, DN, "1.1.0")
    rig.says("no more trial of 1.1.0")
    rig.board.power_cut()
    assert ("alink_ota", "trial") not in rig.board.nvs_keys("alink_ota")
    assert [boot.slot for boot in rig.board.boots] == [0, 1, 0]
    rig.board.power_on()
    rig.update("1.2.0")
    rig.ends("1.2.0", "SUCCEEDED")


def test_a_trial_that_was_put_off_waits_for_the_platforms_answer(rig: Rig) -> None:
    # The next job is offered instead, and nobody wants the one before any more.
    put_off(rig, 300)
    rig.release("1.2.0")
    rig.push("1.2.0", override=True)
    rig.ends("1.2.0", "SUCCEEDED")
    assert "start 1.1.0" not in rig.board.console_text().rpartition("start 1.0.0")[2]
