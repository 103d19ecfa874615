# An image on trial, until the platform knows of it. MIT licence.
#
# It waits for a minute beside all that the application holds: what comes then (standing.py), and
# what that needs of NVS and of reports, is loaded when it is due.

import time

from micropython import const

from .. import parts, trial

_PROVE = const(10)  # place in the Updater's options


class Proving:
    """In place of standing.After while an image proves itself; it makes that when it has.

    up: Updater. store: nvs.Store of JOURNAL, not kept.
    """

    def __init__(self, up, store):
        self._up = up
        # How long it still has to turn the main loop (the owner's number counts), and since when.
        self.left = store.get_int("prove_ms", up.options[_PROVE])
        self._session = self._turn = 0
        self._passed = 0  # the session in which it has
        self._told = False

    def passes(self):
        """Whether it has turned the main loop for long enough.

        Then the application's own test has to pass, once in a session; if not, the board falls
        back.
        """
        if self._told or not trial.running():
            return False  # it is confirmed first, or somebody else has ended it: see step()
        if self._passed == self._up.device.session:
            return True
        now = time.ticks_ms()
        if self._session == self._up.device.session:
            self.left -= time.ticks_diff(now, self._turn)
        self._session = self._up.device.session
        self._turn = now
        if self.left > 0:
            return False
        text = parts.ask("proof", "fault", self._up.self_test)
        if text is not None:
            trial.watch().fail("self-test " + text)
            return False
        self._passed = self._session
        return True

    def taken(self):
        """The gateway has taken the version report.

        What that means comes with the next step(): it was the last word of a greeting (unless
        modules have a version to tell, too), which is let go first.
        """
        self._told = True

    def step(self):
        """Do what is due; never over by itself."""
        up = self._up
        runs = trial.running()
        if runs:
            trial.watch().linked(up.device.connected)
        if self._told or not runs:
            standing = parts.use("after_reset.standing")
            store = standing.journal()
            found = parts.ask("record", "load", store)
            up.after = after = standing.After(up, found, store.get_json("fell"))
            if self._told:
                after.taken()
        return False
