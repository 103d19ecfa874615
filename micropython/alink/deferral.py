# A job the application put off: which, until when, also over a reset. MIT licence.
#
# Loaded while there is one.

import time

from micropython import const

from . import clock
from .nvs import hint

_MAX_S = const(432000)  # five days: ticks cannot tell more than six apart
_AGAIN_S = const(60)  # an answer may get lost: ask again
_ASKS = const(5)


class Deferral:
    """The one job that is put off, kept in NVS. store: nvs.Store of JOURNAL."""

    def __init__(self, store):
        self._store = store
        self._key = None
        self._at = None
        self._asks = 0
        self._over = False
        kept = store.get_json("defer")
        if not isinstance(kept, list) or len(kept) != 3:
            return
        key, until, seconds = kept
        if not isinstance(until, int) or not isinstance(seconds, int):
            return
        self._key = key
        if until and clock.is_set():
            # Without a clock at either end the whole time is waited again.
            seconds = min(max(until - time.time(), 0), seconds)
        self._wait(seconds)

    def put_off(self, key, seconds):
        """Ask again for the job `key` (str) after `seconds` (1 s to 5 days)."""
        seconds = min(max(seconds, 1), _MAX_S)
        until = time.time() + seconds if clock.is_set() else 0
        self._key = key
        hint(self._store.set_json, "defer", [key, until, seconds])
        self._wait(seconds)

    def _wait(self, seconds):
        self._asks = 0
        self._at = time.ticks_add(time.ticks_ms(), int(seconds) * 1000)
        self._over = False

    def holds(self, key):
        """Whether the job `key` still has to wait."""
        return self._at is not None and self._asks == 0 and key == self._key

    def over(self):
        """Whether its time has come. Call it often: days later ticks do not tell any more."""
        if self._at is not None and not self._over:
            self._over = time.ticks_diff(time.ticks_ms(), self._at) >= 0
        return self._over and self._at is not None

    def due(self):
        """True when it is time to ask the platform for the job again, five times at most."""
        if not self.over():
            return False
        asks = self._asks + 1
        if asks < _ASKS:
            self._wait(_AGAIN_S)
        else:
            self._at = None
        self._asks = asks
        return True

    def clear(self, key):
        """Forget it if it is of the same module as the job `key`, which is started or refused.

        Whether none is left (bool).
        """
        if self._key is not None and self._key.split("/")[0] == key.split("/")[0]:
            self._at = None
            self._key = None
            hint(self._store.erase, "defer")
        return self._key is None
