# Jobs the application put off: which, until when, also over a reset. MIT licence.
#
# One a module. Loaded while there is any.

import time

from micropython import const

from . import parts
from .nvs import hint

_MAX_S = const(432000)  # five days: ticks cannot tell more than six apart
_AGAIN_S = const(60)  # an answer may get lost: ask again
_ASKS = const(5)

# Of an entry, in NVS too: key, until (time.time(), 0 without a clock), seconds, faults.
_KEY = const(0)
_FAULTS = const(3)
_KEPT = const(4)
# And beside it: when its time is over (ticks), how often it was asked for since, whether its time
# has come.
_AT = const(4)
_ASKED = const(5)
_OVER = const(6)


class Deferral:
    """The jobs that are put off, kept in NVS. store: nvs.Store of JOURNAL."""

    def __init__(self, store):
        self._store = store
        self._jobs = []
        kept = store.get_json("defer")
        for one in kept if isinstance(kept, list) else ():
            # In the form of another alink it is as good as none.
            if not isinstance(one, list) or len(one) != _KEPT or not isinstance(one[_KEY], str):
                continue
            key, until, seconds, faults = one
            if not all(isinstance(number, int) for number in (until, seconds, faults)):
                continue
            left = seconds
            if until and parts.ask("clock", "is_set"):
                # Without a clock at either end the whole time is waited again.
                left = min(max(until - time.time(), 0), seconds)
            job = [key, until, seconds, faults, 0, 0, False]
            _wait(job, min(left, _MAX_S))
            self._jobs.append(job)

    def put_off(self, key, seconds, faults=0):
        """Ask again for the job `key` (str) after `seconds` (1 s to 5 days).

        faults: int, how often in a row the application had no answer to it but an exception.
        """
        seconds = min(max(seconds, 1), _MAX_S)
        until = time.time() + seconds if parts.ask("clock", "is_set") else 0
        self._forget(key)
        job = [key, until, seconds, faults, 0, 0, False]
        _wait(job, seconds)
        self._jobs.append(job)
        self._save()

    def faults(self, key):
        """How often in a row the application has failed to answer to the job `key`."""
        for job in self._jobs:
            if job[_KEY] == key:
                return job[_FAULTS]
        return 0

    def holds(self, key):
        """Whether the job `key` still has to wait."""
        for job in self._jobs:
            if job[_KEY] == key:
                return not job[_ASKED]
        return False

    def over(self):
        """Look whether a time has come; True when nothing is left to wait for.

        Call it often: days later ticks do not tell any more.
        """
        now = time.ticks_ms()
        for job in self._jobs:
            if not job[_OVER]:
                job[_OVER] = time.ticks_diff(now, job[_AT]) >= 0
        return not self._jobs

    def due(self):
        """True when it is time to ask the platform for a job again, five times each at most."""
        self.over()
        found = False
        for job in self._jobs:
            if job[_OVER]:
                found = True
                job[_ASKED] += 1
                _wait(job, _AGAIN_S)
        for job in self._jobs:
            if job[_ASKED] > _ASKS:
                # Nobody offers it any more. (The others get their turn with the next call.)
                self._jobs.remove(job)
                self._save()
                break
        return found

    def clear(self, key):
        """Forget the one of the same module as the job `key`, which is started or refused.

        Whether none is left (bool).
        """
        if self._forget(key):
            self._save()
        return not self._jobs

    def _forget(self, key):
        module = key.split("/")[0]
        for job in self._jobs:
            if job[_KEY].split("/")[0] == module:
                self._jobs.remove(job)
                return True
        return False

    def _save(self):
        if self._jobs:
            hint(self._store.set_json, "defer", [job[:_KEPT] for job in self._jobs])
        else:
            hint(self._store.erase, "defer")


def _wait(job, seconds):
    job[_AT] = time.ticks_add(time.ticks_ms(), int(seconds) * 1000)
    job[_OVER] = False
