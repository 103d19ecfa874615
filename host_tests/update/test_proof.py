"""A new version has to work for a while before it counts: signing in is no proof that it does."""

from __future__ import annotations

import json

from host_tests.kit.rig import Rig, app
from tools.images.application import ALINK
from tools.images.homes import dotted, of

LONG_MS = 300_000  # longer than any test


def turns(then: str) -> str:
    """An application that does `then` in the 50th turn in which it is signed in."""
    return app(
        setup="turns = 0",
        loop=f"turns += device.connected\n    if turns == 50:\n        {then}",
    )


def said(rig: Rig, version: str) -> list[float]:
    return [m.time for m in rig.sent("/inform/") if version.encode() in m.payload]


def test_a_version_that_crashes_once_it_has_signed_in_is_never_confirmed(rig: Rig) -> None:
    rig.limits(prove_ms=LONG_MS)
    rig.start("1.0.0")
    rig.update("1.1.0", rig.image("1.1.0", turns("raise ValueError('no sensor')")))
    desc = rig.ends("1.1.0", "FAILED")
    assert "trial-crashed: 1.1.0 fell" in desc
    assert "ValueError: no sensor" in desc
    assert rig.boots_slot() == 0
    assert said(rig, "1.1.0") == [], "it was installed, for the platform"


def test_a_version_that_works_for_as_long_is_confirmed(rig: Rig) -> None:
    rig.limits(prove_ms=1500)
    rig.start("1.0.0")
    rig.update("1.1.0", rig.image("1.1.0", turns("at = time.ticks_ms()")))
    rig.wait(lambda: rig.steps()[-1:] == [100], "the restart")
    rig.wait_count("signed in as", 2)
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    began = rig.cloud.sign_ins[-1].time
    assert said(rig, "1.1.0")[0] - began >= 1.5


def test_a_minute_is_what_a_version_has_to_work_if_nothing_else_is_said(rig: Rig) -> None:
    rig.board.nvs_erase("alink_ota", "prove_ms")
    rig.start("1.0.0")
    there = turns("print('after 50 turns:', trial.running(), updater.busy)")
    rig.update("1.1.0", rig.image("1.1.0", there))
    rig.says("after 50 turns: True False")  # and its main loop may sleep meanwhile
    assert said(rig, "1.1.0") == []


def test_a_version_on_trial_has_the_memory_of_one_that_is_idle(rig: Rig) -> None:
    # But for what watches over it: an application that fits when it is idle can prove itself.
    rig.limits(prove_ms=1500)
    source = app(
        prologue="import json, sys\n\ndef loaded(state):\n"
        "    print('loaded', state, json.dumps(list(sys.modules)))\n",
        setup="turns = 0",
        options="on_state=loaded",
        loop="turns += device.connected\n    if turns == 50:\n"
        "        loaded('waiting' if trial.running() else 'at rest')",
    )
    rig.start("1.0.0", source)
    rig.says("loaded at rest ")
    rig.update("1.1.0", rig.image("1.1.0", source))
    rig.ends("1.1.0", "SUCCEEDED")
    rig.says("loaded confirmed ")
    names = {new: old for old, new in dotted(of(ALINK)).items()}
    loaded = {}
    for line in rig.board.console_text().splitlines():
        if line.startswith("loaded "):
            modules = [one[6:] for one in json.loads(line[line.index("[") :]) if "alink." in one]
            loaded[line.split(" [")[0]] = {names.get(one, one) for one in modules}
    idle = loaded["loaded at rest"]
    assert idle >= {"updater", "session"}
    assert loaded["loaded waiting"] - idle == {"after_reset.proving"}
    # What says so to the platform is gone before that is written down.
    assert not loaded["loaded confirmed"] & {"hello", "reports"}


def test_an_application_can_say_that_it_works(rig: Rig) -> None:
    # As one does that sleeps deep before the minute is over.
    rig.limits(prove_ms=LONG_MS)
    rig.start("1.0.0")
    sensor = turns(
        "updater.proven()\n"
        "    if turns > 50 and not trial.running():\n"
        "        print('asleep')\n        import machine\n        machine.deepsleep(60000)"
    )
    rig.update("1.1.0", rig.image("1.1.0", sensor))
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    rig.says("asleep")


def test_a_self_test_is_made_when_the_time_is_over(rig: Rig) -> None:
    rig.limits(prove_ms=300)
    rig.start("1.0.0")
    source = app(
        prologue="turns = 0",
        options="self_test=lambda: turns > 20",
        loop="turns += device.connected",
    )
    rig.update("1.1.0", rig.image("1.1.0", source))
    rig.ends("1.1.0", "SUCCEEDED")


def test_a_time_in_which_no_trial_could_end_is_refused(rig: Rig) -> None:
    rig.board.write_slot(0, rig.image("1.0.0", app(options="prove_ms=300001")))
    rig.board.power_on()
    rig.says("ValueError: prove_ms")
