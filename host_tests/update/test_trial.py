"""After the reset: a new image proves itself or falls back, and an interruption is no failure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.kit.rig import DN, PK, Rig, app, firmware

GOOD = app()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path) as rig:
        # Every restart signs in anew: more often than a board that is not tested would.
        rig.cloud.faults.connects_per_minute = None
        rig.start("1.0.0")
        yield rig


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
    rig.limits(trial_ms=700, no_link_ms=700)
    rig.board.power_on()
    rig.wait(lambda: len(rig.sent("/inform/")) >= 2, "the board to be back")
    source = app(
        prologue="import machine\nticks = []\nmachine.Timer(0).init(mode=machine.Timer.PERIODIC,"
        " period=100, callback=lambda t: ticks.append(1) or print('tick', len(ticks)))",
        setup="device.connect()\nwhile True:\n    trial.feed(); time.sleep_ms(5)",
    )
    rig.update("1.1.0", rig.image("1.1.0", source))
    rig.board.wait_for(lambda: len(rig.board.boots) == 4, 20, "the fall-back")
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


def test_a_record_of_another_alink_does_not_stop_the_start(rig: Rig) -> None:
    rig.board.power_cut()
    rig.board.nvs_set("alink_ota", "trial", '{"label": "ota_1"}')
    rig.board.power_on()
    rig.wait(lambda: len(rig.sent("/inform/")) >= 2, "the board to be back")
    rig.update("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")


def test_foreign_counts_in_the_journal_do_not_stop_the_start(rig: Rig) -> None:
    rig.board.power_cut()
    rig.board.nvs_set("alink_ota", "attempts", '{"1.1.0": 3}')
    rig.board.nvs_set("alink_ota", "defer", '[1, "x", null]')
    rig.board.nvs_set("alink_ota", "fell", '["-1"]')
    rig.board.power_on()
    rig.wait(lambda: len(rig.sent("/inform/")) >= 2, "the board to be back")
    rig.update("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")


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


# On trial, held there: the gateway takes no report.
def on_trial(rig: Rig, version: str = "1.1.0") -> bytes:
    image = rig.release(version, rig.image(version, app(device="ack_timeout_ms=300")))
    rig.push(version)
    rig.wait(lambda: rig.steps()[-1:] == [100], "the image to be stored")
    rig.cloud.faults.no_puback = rig.cloud.faults.drop_inform = True
    rig.says(f"start {version}")
    rig.wait(lambda: b'"%s"' % version.encode() in rig.sent("/inform/")[-1].payload, "its report")
    return image


def let_go(rig: Rig) -> None:
    rig.cloud.faults.no_puback = rig.cloud.faults.drop_inform = False


def test_a_power_cut_on_trial_is_no_failure_and_the_trial_is_repeated(rig: Rig) -> None:
    image = on_trial(rig)
    rig.board.power_cut()
    let_go(rig)
    seen = len(rig.cloud.messages)
    rig.board.power_on()
    rig.confirmed(1)
    assert rig.holds(1, image)
    ran = [boot.slot for boot in rig.board.boots]
    assert ran == [0, 1, 0, 1], "the old version has to check the slot and boot it again"
    assert len(rig.fetched()) == 1, "it was downloaded again"
    assert [n for n in rig.steps() if n < 0] == []
    # The old version said nothing in between.
    assert all(b"1.0.0" not in m.payload for m in rig.cloud.messages[seen:])


def test_power_cuts_on_five_trials_in_a_row_count_as_a_failure(rig: Rig) -> None:
    rig.update("1.1.0", rig.image("1.1.0", app(prologue="print('brown'); time.sleep(60)")))
    for n in range(1, 6):
        rig.wait_count("brown", n)
        rig.board.power_cut()
        rig.board.power_on()
    assert "power" in rig.ends("1.1.0", "FAILED")
    assert rig.board.running_slot() == 0


def test_an_interrupted_trial_whose_slot_was_damaged_is_fetched_again(rig: Rig) -> None:
    on_trial(rig)
    rig.board.power_cut()
    let_go(rig)
    image = bytearray(rig.board.slot_bytes(1))
    image[70_000] ^= 0x10
    rig.board.write_slot(1, bytes(image))
    rig.board.power_on()
    rig.says("interrupted trial is given up")
    rig.wait(lambda: len(rig.fetched()) == 2, "the second download")
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)


def test_a_trial_that_never_had_a_link_is_repeated_later_without_blame(tmp_path: Path) -> None:
    later = app(options="retry_trial_ms=300")
    with Rig(tmp_path) as rig:
        rig.cloud.faults.connects_per_minute = None
        rig.limits(no_link_ms=500)
        rig.start("1.0.0", later)
        rig.release("1.1.0", rig.image("1.1.0", GOOD))
        rig.cloud.faults.connack_code = None
        rig.push("1.1.0")
        rig.wait(lambda: rig.steps()[-1:] == [100], "the image to be stored")
        rig.cloud.go_dead(refuse=True)
        rig.board.wait_for(
            lambda: [boot.slot for boot in rig.board.boots][:3] == [0, 1, 0], 20, "the fall-back"
        )
        rig.cloud.come_back()
        rig.ends("1.1.0", "SUCCEEDED")
        rig.confirmed(1)
        assert len(rig.fetched()) == 1
        assert [n for n in rig.steps() if n < 0] == []


def test_a_late_trial_whose_slot_was_overwritten_is_fetched_again_at_once(
    tmp_path: Path,
) -> None:
    # The offer that came after the sign-in was left alone, and no other would come for weeks.
    spoil = """
told = False
def on_state(state):
    global told
    if state.startswith("checking") and not told:
        told = True
        import esp32
        esp32.Partition(esp32.Partition.RUNNING).get_next_update().ioctl(6, 20)
updater.on_state = on_state
"""
    with Rig(tmp_path) as rig:
        rig.cloud.faults.connects_per_minute = None
        rig.limits(no_link_ms=500)
        rig.start("1.0.0", app(options="retry_trial_ms=4000", setup=spoil))
        rig.release("1.1.0", rig.image("1.1.0", GOOD))
        rig.push("1.1.0")
        rig.wait(lambda: rig.steps()[-1:] == [100], "the image to be stored")
        rig.cloud.go_dead(refuse=True)
        rig.board.wait_for(
            lambda: [boot.slot for boot in rig.board.boots][:3] == [0, 1, 0], 20, "the fall-back"
        )
        rig.cloud.come_back()
        rig.says("interrupted trial is given up")
        rig.ends("1.1.0", "SUCCEEDED")
        assert len(rig.fetched()) == 2


def test_a_link_lost_on_trial_is_not_the_new_versions_fault(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.cloud.faults.connects_per_minute = None
        rig.limits(no_link_ms=600, trial_ms=20000)
        rig.start("1.0.0", app(options="retry_trial_ms=100"))
        on_trial(rig)
        rig.cloud.go_dead(refuse=True)
        rig.board.wait_for(lambda: len(rig.board.boots) == 3, 20, "the fall-back")
        let_go(rig)
        rig.cloud.come_back()
        rig.ends("1.1.0", "SUCCEEDED")
        rig.confirmed(1)
        assert [n for n in rig.steps() if n < 0] == []
        assert len(rig.fetched()) == 1


def test_five_trials_without_a_link_while_the_old_version_has_one_are_a_failure(
    tmp_path: Path,
) -> None:
    with Rig(tmp_path) as rig:
        rig.cloud.faults.connects_per_minute = None
        rig.limits(no_link_ms=300)
        rig.start("1.0.0", app(options="retry_trial_ms=100"))
        mute = app(prologue="while True:\n    time.sleep_ms(10)")
        rig.update("1.1.0", rig.image("1.1.0", mute))
        assert "no link in five trials" in rig.ends("1.1.0", "FAILED")
        assert [boot.slot for boot in rig.board.boots] == [0, *[1, 0] * 5]
        assert len(rig.fetched()) == 1


def test_an_image_that_the_boot_rom_refuses_after_all_is_reported(rig: Rig) -> None:
    # What set_boot() has passed is damaged before the restart: nothing of it ever runs.
    damage = app(
        options="before_reset=lambda: esp32.Partition('ota_1').writeblocks(9, bytearray(4096))",
        prologue="import esp32",
    )
    rig.board.power_cut()
    rig.board.write_slot(0, rig.image("1.0.0", damage))
    rig.board.power_on()
    rig.wait(lambda: len(rig.sent("/inform/")) >= 2, "the board to be back")
    rig.update("1.1.0")
    desc = rig.ends("1.1.0", "FAILED")
    assert " boot-refused: " in desc
    assert "1.1.0 fell (boots 0" in desc
    assert rig.board.boots[-1].slot == 0


def test_a_job_that_comes_on_trial_waits_until_the_image_is_confirmed(rig: Rig) -> None:
    on_trial(rig)
    running = rig.board.slot_bytes(0)
    second = rig.release("1.2.0")
    rig.push("1.2.0", override=True)
    rig.wait(
        lambda: any(m.direction == "down" and b"1.2.0" in m.payload for m in rig.cloud.messages),
        "the push",
    )
    # The session ends for want of a PUBACK, and another one begins, still on trial.
    rig.wait(lambda: len(rig.sent("/inform/")) >= 3, "the next report")
    assert rig.board.slot_bytes(0) == running, "the only fallback was overwritten"
    assert all("1.2.0" not in d.path for d in rig.fetched())
    let_go(rig)
    rig.ends("1.2.0", "SUCCEEDED")
    assert rig.holds(0, second)


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


def test_a_missing_boot_py_is_restored(rig: Rig) -> None:
    rig.board.power_cut()
    loader = rig.board.read_file("/boot.py")
    source = app(prologue="import os\nos.remove('/boot.py')")
    rig.board.write_slot(0, rig.image("1.0.0", source))
    rig.board.power_on()
    rig.says("boot.py was missing: restored")
    rig.update("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    rig.board.power_cut()
    assert rig.board.read_file("/boot.py") == loader


def test_a_foreign_boot_py_is_left_alone_and_updates_are_refused(rig: Rig) -> None:
    foreign = b"import webrepl\nwebrepl.start()\n"
    source = app(
        prologue="import sys\nwith open('/boot.py', 'w') as f:\n"
        "    f.write('import webrepl\\nwebrepl.start()\\n')"
    )
    rig.board.power_cut()
    rig.board.write_slot(0, rig.image("1.0.0", source))
    rig.board.power_on()
    rig.says("boot.py is not alink's")
    rig.update("1.1.0")
    assert "loader" in rig.ends("1.1.0", "FAILED")
    assert rig.untouched()
    rig.board.power_cut()
    assert rig.board.read_file("/boot.py") == foreign


def test_a_firmware_that_brings_the_loader_along_takes_updates_beside_any_boot_py(
    rig: Rig,
) -> None:
    # What a firmware would run in place of /boot.py is run by that here.
    foreign = b"# This file is executed on every boot\nexec(open('/firmware').read())\n"
    rig.board.power_cut()
    rig.board.install_file("/firmware", rig.board.read_file("/boot.py"))
    rig.board.install_file("/boot.py", foreign)
    rig.board.power_on()
    rig.update("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    rig.board.power_cut()
    assert rig.board.read_file("/boot.py") == foreign, "it is not alink's to change"


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
