"""A trial that a power cut or a lost link ends: interrupted, not failed, and repeated."""

from __future__ import annotations

from pathlib import Path

from host_tests.kit.rig import Rig, app

GOOD = app()


def ready(rig: Rig) -> None:
    rig.start("1.0.0")


# On trial, held there: the gateway takes no report.
def on_trial(rig: Rig, version: str = "1.1.0") -> bytes:
    image = rig.release(version, rig.image(version, app(device="ack_timeout_ms=300")))
    rig.push(version)
    rig.wait(lambda: rig.steps()[-1:] == [100], "the image to be stored")
    rig.cloud.faults.no_puback = rig.cloud.faults.drop_inform = True
    rig.says(f"start {version}")
    rig.wait(lambda: b'"%s"' % version.encode() in rig.sent("/inform/")[-1].payload, "its report")
    return image


def never_linked(rig: Rig) -> None:
    """A trial of 1.1.0 without a gateway, which is back when the old version runs again."""
    rig.push("1.1.0")
    rig.wait(lambda: rig.steps()[-1:] == [100], "the image to be stored")
    rig.cloud.go_dead(refuse=True)
    rig.board.wait_for(
        lambda: [boot.slot for boot in rig.board.boots][:3] == [0, 1, 0], 20, "the fall-back"
    )
    rig.cloud.come_back()


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
        never_linked(rig)
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
        never_linked(rig)
        rig.says("interrupted trial is given up")
        rig.ends("1.1.0", "SUCCEEDED")
        # (A second trial that is as late, on a busy machine, is spoilt as the first.)
        given_up = rig.board.console_text().count("interrupted trial is given up")
        assert len(rig.fetched()) == 1 + given_up


def test_a_link_lost_on_trial_is_not_the_new_versions_fault(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.cloud.faults.connects_per_minute = None
        rig.limits(no_link_ms=3000, trial_ms=60000)
        rig.start("1.0.0", app(options="retry_trial_ms=100"))
        on_trial(rig)
        rig.cloud.go_dead(refuse=True)
        rig.board.wait_for(lambda: len(rig.board.boots) == 3, 120, "the fall-back")
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
