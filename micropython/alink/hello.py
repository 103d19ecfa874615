# What is said after a sign-in: which software runs here, and is there a job? MIT licence.
#
# In this order: what has been reported once counts as installed at the platform, so an image on
# trial passes its own test before, and is confirmed when the gateway has taken the report
# (CONNACK, SUBACK and the PUBACK of the version report are in). The query comes 3 s later: a push
# may have been missed. Loaded by the Updater while there is something to say.

import time

from micropython import const

from . import log, parts, reports, trial
from .errors import AlinkError

_QUERY_MS = const(3000)


class Hello:
    """One greeting; over when step() returns True.

    up: Updater. new: whether it is a sign-in's, or only a query, or a report, is wanted.
    Attributes: busy (bool, a main loop that sleeps would slow it down). Before the platform knows
    what there is no job is begun, since a report after its "1" could fail it.
    """

    def __init__(self, up, new):
        self._up = up
        self._after = up.after if new else None  # what waits for the first report
        self._reports = []  # [version, module] that are still to be said
        self._inform = None
        self._ms = _QUERY_MS if new else up.missed or 0
        self._at = time.ticks_add(time.ticks_ms(), self._ms)
        self.busy = new
        up.missed = None
        if new:
            run = up.run
            if run is not None and run.fetching and run.fetch is not None:
                run.fetch.rest()  # it waits, as long as `busy`: see Updater._step()
            self.add(up.version, "default")
            for module in up.modules:
                self.add(module.version, module.name)

    def add(self, version, module):
        """Report this version, too, and ask for a job afterwards."""
        self._reports.append((version, module))
        self.busy = True

    def step(self):
        """Do the next thing, if its time has come; True when there is nothing more to say."""
        up = self._up
        if not up.device.connected:
            return False  # the next session begins anew, or goes on
        if self._reports:
            self._report()
            if self._reports:
                return False
        if up.run is not None or trial.running():
            up.missed = _QUERY_MS  # it is asked when that is over, or the trial is confirmed
            return True
        if up.refused:
            # Jobs offered while there was another one: answered one at a time.
            error = up.refused[0]
            up.refused = up.refused[1:]
            parts.use("job.gate").refuse(up, error)
            up.missed = _QUERY_MS  # the query comes when that has been said
            return True
        if 0 < time.ticks_diff(self._at, time.ticks_ms()) <= self._ms:
            return False
        try:
            up.asked["default"] = reports.query(up.device, "default")
            for module in up.modules:
                up.asked[module.name] = reports.query(up.device, module.name)
        except AlinkError as e:
            log.debug("query not sent:", e)
        return True

    def _report(self):
        up = self._up
        after = self._after
        version, module = self._reports[0]
        if self._inform is None:
            self._inform = reports.Acknowledged(up.device, reports.version, version, module)
        if not self._inform.done():
            return
        self._inform = None
        self._reports.pop(0)
        if after is not None:
            after.taken()
            self._after = None
        if not self._reports:
            self.busy = False
            self._ms = _QUERY_MS
            self._at = time.ticks_add(time.ticks_ms(), _QUERY_MS)


def say(up, version, module):
    """Report a version (str) of `module` (str) once more."""
    if up.hello is None:
        up.hello = Hello(up, False)
    up.hello.add(version, module)
