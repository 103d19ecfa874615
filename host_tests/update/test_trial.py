"""After the reset: a new image proves itself or falls back, and an interruption is no failure."""

from __future__ import annotations

import pytest

from host_tests.kit.rig import DN, PK, Rig, app, firmware

HEAP = "esp32"


def ready(rig: Rig) -> None:
    rig.start("1.0.0")


def falls_back(rig: Rig, source: str, name: str, said: str, version: str = "1.1.0") -> str:
    """The new version's trial fails, for this reason, and 1.0.0 runs again."""
    rig.update(version, rig.image(version, source))
    desc = rig.ends(version, "FAILED")
    assert f" {name}: " in desc, desc
    assert said in desc, desc
    assert version in desc, "which version fell?"
    assert rig.board.running_slot() == 0
    assert rig.boots_slot() == 0
    assert rig.cloud.version(PK, DN) == "1.0.0"
    assert [n for n in rig.steps() if n < 0] == [-1]
    return desc


def test_a_version_that_crashes_at_its_start_falls_back_and_says_why(rig: Rig) -> None:
    source = app(prologue="raise KeyError('calibration')")
    falls_back(rig, source, "trial-crashed", "KeyError: calibration")


def test_a_version_that_crashes_later_falls_back_and_says_why(rig: Rig) -> None:
    falls_back(rig, app(setup="1 / 0"), "trial-crashed", "ZeroDivisionError")


def test_a_version_that_cannot_even_be_imported_falls_back(rig: Rig) -> None:
    falls_back(rig, "import no_such_module\n", "trial-crashed", "no_such_module")


def test_a_version_that_hangs_is_broken_off_by_the_watchdog(rig: Rig) -> None:
    rig.board.power_cut()
    rig.limits(wdt_ms=700)
    rig.board.power_on()
    rig.reports("1.0.0")
    # The timer is stopped, so that the watchdog alone is left.
    source = app(prologue="import machine\nmachine.Timer(0).deinit()\nwhile True: pass")
    falls_back(rig, source, "trial-watchdog", "watchdog")


def test_a_version_that_does_not_confirm_in_time_falls_back(rig: Rig) -> None:
    rig.board.power_cut()
    rig.limits(trial_ms=600)
    rig.board.power_on()
    rig.reports("1.0.0")
    # It signs in and then does nothing useful.
    source = app(
        setup="device.connect()\ntrial.watch().linked(True)\nwhile True:\n    time.sleep_ms(20)"
    )
    falls_back(rig, source, "trial-timeout", "1.1.0 fell")


def test_a_version_whose_self_test_says_no_falls_back(rig: Rig) -> None:
    source = app(options="self_test=lambda: False")
    falls_back(rig, source, "trial-self-test", "1.1.0 fell")


def test_a_version_whose_self_test_raises_falls_back(rig: Rig) -> None:
    source = app(
        prologue="def check():\n    raise OSError('no sensor on the bus')",
        options="self_test=check",
    )
    falls_back(rig, source, "trial-self-test", "no sensor")


def test_a_version_that_resets_without_a_word_falls_back(rig: Rig) -> None:
    source = app(prologue="import machine\nmachine.reset()")
    falls_back(rig, source, "trial-panic", "boots 1")


@pytest.mark.parametrize("ending", ["import machine; machine.soft_reset()", "raise SystemExit"])
def test_a_version_that_restarts_itself_without_a_reset_falls_back(rig: Rig, ending: str) -> None:
    # The bootloader has no part in a soft reset: it would go on for ever.
    desc = falls_back(rig, app(prologue=ending), "trial-crashed", "without a reset")
    assert "boots 5" in desc


def test_a_version_that_takes_the_loaders_timer_is_limited_all_the_same(rig: Rig) -> None:
    rig.board.power_cut()
    rig.limits(trial_ms=2000, no_link_ms=2000)
    rig.board.power_on()
    rig.wait(lambda: len(rig.sent("/inform/")) >= 2, "the board to be back")
    source = app(
        prologue="import machine\nticks = []\nmachine.Timer(0).init(mode=machine.Timer.PERIODIC,"
        " period=100, callback=lambda t: ticks.append(1) or print('tick', len(ticks)))",
        setup="device.connect()\nwhile True:\n    trial.feed(); time.sleep_ms(5)",
    )
    rig.update("1.1.0", rig.image("1.1.0", source))
    rig.board.wait_for(lambda: len(rig.board.boots) == 4, 120, "the fall-back")
    rig.says("tick 5")


def test_an_application_keeps_its_own_timer_through_the_confirmation(rig: Rig) -> None:
    source = app(
        prologue="import machine\nticks = []\nmachine.Timer(0).init(mode=machine.Timer.PERIODIC,"
        " period=50, callback=lambda t: ticks.append(1) or print('tick', len(ticks)))",
    )
    rig.update("1.1.0", rig.image("1.1.0", source))
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    ticks = rig.board.console_text().count("tick")
    rig.wait_count("tick", ticks + 5)


def starts_with(rig: Rig, **journal: str) -> None:
    """The board starts with these in its journal, and takes an update all the same."""
    rig.board.power_cut()
    for key, text in journal.items():
        rig.board.nvs_set("alink_ota", key, text)
    rig.board.power_on()
    rig.wait(lambda: len(rig.sent("/inform/")) >= 2, "the board to be back")
    rig.update("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")


def test_a_record_of_another_alink_does_not_stop_the_start(rig: Rig) -> None:
    starts_with(rig, trial='{"label": "ota_1"}')


def test_foreign_counts_in_the_journal_do_not_stop_the_start(rig: Rig) -> None:
    starts_with(rig, attempts='{"1.1.0": 3}', defer='[1, "x", null]', fell='["-1"]')


def test_an_image_without_a_volume_does_not_inherit_an_older_ones(rig: Rig) -> None:
    # 1.1.0 leaves its volume in slot 1, right behind a firmware that comes again alone.
    rig.update("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")
    rig.update("1.2.0")
    rig.ends("1.2.0", "SUCCEEDED")
    rig.confirmed(0)
    rig.update("1.3.0", firmware(65536))
    assert "no-application" in rig.ends("1.3.0", "FAILED")


@pytest.mark.parametrize("limit", [0, -5])
def test_a_senseless_limit_in_the_settings_is_not_used(rig: Rig, limit: int) -> None:
    rig.board.power_cut()
    rig.limits(wdt_ms=limit, trial_ms=limit, no_link_ms=limit)
    rig.board.power_on()
    rig.wait(lambda: len(rig.sent("/inform/")) >= 2, "the board to be back")
    rig.update("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)


def test_a_report_that_gets_lost_is_not_repeated_for_ever(rig: Rig) -> None:
    # The platform goes on offering what runs already, since it never heard of it.
    rig.release("1.1.0")
    rig.cloud.faults.drop_inform = True
    rig.push("1.1.0")
    rig.says("start 1.1.0")
    rig.confirmed(1)
    rig.wait(lambda: len(rig.sent("/firmware/get")) >= 1, "the query after the update")
    reports = [m for m in rig.sent("/inform/") if b"1.1.0" in m.payload]
    assert len(reports) <= 2, "one for the start, one for the offer"


def test_a_version_that_passes_its_self_test_stays(rig: Rig) -> None:
    source = app(options="self_test=lambda: print('self-test ran')")
    rig.update("1.1.0", rig.image("1.1.0", source))
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    rig.says("self-test ran")


def test_the_fall_of_a_cancelled_version_does_not_fail_the_next_one(rig: Rig) -> None:
    rig.release("1.2.0")
    rig.update("1.1.0", rig.image("1.1.0", app(prologue="time.sleep(2)\n1 / 0")))
    rig.says("start 1.1.0")
    rig.push("1.2.0", override=True)
    rig.ends("1.2.0", "SUCCEEDED")
    rig.says("nobody waits for")
    assert [step for step in rig.steps() if step < 0] == []
    rig.confirmed(1)


def test_after_three_falls_the_version_is_not_fetched_again(rig: Rig) -> None:
    image = rig.image("1.1.0", app(prologue="raise ValueError('broken')"))
    rig.release("1.1.0", image)
    for fall in (1, 2, 3):
        rig.push("1.1.0")
        rig.ends("1.1.0", "FAILED")
        assert len(rig.fetched()) == fall
    rig.push("1.1.0")
    assert "attempts" in rig.ends("1.1.0", "FAILED")
    assert len(rig.fetched()) == 3
    # Another version of the same board is welcome.
    rig.update("1.2.0")
    rig.ends("1.2.0", "SUCCEEDED")


def test_a_version_that_is_already_running_is_reported_not_downloaded(rig: Rig) -> None:
    rig.release("1.0.0", rig.image("1.0.0"))
    rig.push("1.0.0", force=True)
    rig.ends("1.0.0", "SUCCEEDED")
    assert rig.fetched() == []
    assert rig.steps() == []


def test_older_and_text_wise_smaller_versions_are_accepted(rig: Rig) -> None:
    for version in ("1.10.0", "1.9.0", "0.1"):
        rig.update(version)
        rig.ends(version, "SUCCEEDED")
        rig.reports(version)
