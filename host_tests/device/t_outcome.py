# What a trial that is over has come to: every row of the verdict. MIT licence.

import machine
from alink import parts
from alink.after_reset.outcome import verdict

POWER, HARD, WDT = machine.PWRON_RESET, machine.HARD_RESET, machine.WDT_RESET
SLEEP, SOFT = machine.DEEPSLEEP_RESET, machine.SOFT_RESET
OTHER = 0  # USB, JTAG, a glitch: MicroPython has no name for them
AGAIN, LATER, FAILED = 2, 3, 4
IN_A_ROW = 5
EARLY = -1  # no starts, and set_boot() had not done its work

# (how it said it ended, reset cause, starts, trials before that ended so) -> (state, code)
ROWS = (
    ("crash ValueError: x", HARD, 1, 0, FAILED, 90),
    ("crash", POWER, 1, 0, FAILED, 90),
    ("mount OSError", HARD, 1, 0, FAILED, 90),
    ("something new", HARD, 1, 0, FAILED, 90),
    ("timeout", HARD, 1, 0, FAILED, 91),
    ("timeout", POWER, 1, 0, FAILED, 91),
    ("self-test returned False", HARD, 1, 0, FAILED, 93),
    ("version it says 1.0.0", HARD, 1, 0, FAILED, 99),
    ("rehearsal json.py has no loads", HARD, 1, 0, FAILED, 101),
    ("", WDT, 1, 0, FAILED, 92),
    ("", WDT, 0, 0, FAILED, 92),
    ("", HARD, 1, 0, FAILED, 94),
    ("", HARD, 0, 0, FAILED, 67),
    ("", WDT, EARLY, 0, AGAIN, 0),
    ("", HARD, EARLY, 0, AGAIN, 0),
    ("", HARD, EARLY, IN_A_ROW - 1, FAILED, 95),
    ("", POWER, 1, 0, AGAIN, 0),
    ("", POWER, 0, 0, AGAIN, 0),
    ("", POWER, EARLY, 0, AGAIN, 0),
    ("", SOFT, 0, 0, AGAIN, 0),
    ("", SOFT, 1, 0, AGAIN, 0),
    ("", SOFT, EARLY, 0, AGAIN, 0),
    ("", SOFT, 0, IN_A_ROW - 1, FAILED, 95),
    ("", SLEEP, 0, 0, AGAIN, 0),
    ("", SLEEP, 1, 0, AGAIN, 0),
    ("", SLEEP, 0, IN_A_ROW - 1, FAILED, 95),
    ("", OTHER, 0, 0, AGAIN, 0),
    ("", OTHER, 1, 0, AGAIN, 0),
    ("", OTHER, 1, IN_A_ROW - 1, FAILED, 95),
    ("", 99, 1, 0, AGAIN, 0),
    ("", POWER, 1, IN_A_ROW - 2, AGAIN, 0),
    ("", POWER, 1, IN_A_ROW - 1, FAILED, 95),
    ("no-link", HARD, 1, 0, LATER, 0),
    ("no-link", POWER, 1, IN_A_ROW - 2, LATER, 0),
    ("no-link", HARD, 1, IN_A_ROW - 1, FAILED, 96),
)


def test_what_each_end_of_a_trial_means():
    for end, cause, boots, before, state, code in ROWS:
        record = {"power": before, "no_link": before}
        found = verdict(record, end, cause, boots)
        assert found == (state, code), (end, cause, boots, before, found)


def test_power_cuts_and_trials_without_a_link_are_counted_apart():
    record = {"power": 0, "no_link": 0}
    verdict(record, "", POWER, 1)
    verdict(record, "no-link", HARD, 1)
    verdict(record, "no-link", HARD, 1)
    assert record == {"power": 1, "no_link": 2}
    verdict(record, "crash x", HARD, 1)
    assert record == {"power": 1, "no_link": 2}


def test_a_hook_or_a_key_of_another_kind_is_refused_when_the_updater_is_made():
    # A hook that is none would put off each job three times, and then it would be taken unasked.
    arguments = parts.use("after_reset.arguments")
    for wrong in ({"on_job": 5}, {"feed": "often"}, {"sign_key": True}, {"sign_key": 10**8}):
        try:
            arguments.checked("1.0.0", wrong)
        except ValueError as e:
            assert str(e)
            continue
        raise AssertionError(wrong)
    assert arguments.checked("1.0.0", {"on_job": print})[1][0] == ("on_job", print)
