# An interrupted trial: what is in the slot is hashed once more and boots again. MIT licence.
#
# An interruption is no failure, and not a word is said to the platform. What is in the slot may be
# anything by now, so it is checked like a download.

import binascii
import json

from .. import log, parts, record
from ..errors import AlinkError


def unasked(up, payload):
    """The answer (bytes) to a query offers nothing: a trial that was put off is forgotten.

    If it says so: an error, or the answer to a query for another module, is no word about it.
    """
    try:
        message = json.loads(payload)
    except ValueError:
        return
    asked = up.asked.get("default")
    if not isinstance(message, dict) or not asked or str(message.get("id")) != asked:
        return
    if message.get("code") in (200, "200") and not message.get("data"):
        up.after.overtaken()


class Again:
    """The check; over when step() returns True: then it was given up.

    up: Updater. store: nvs.Store of JOURNAL. found: dict, the trial's record.
    """

    checking = True  # nothing else is done meanwhile
    fetching = resting = False

    def __init__(self, up, store, found):
        self._up = up
        self._store = store
        self._record = found
        self._target = None
        up.set_state("checking the interrupted trial of " + found["version"])

    def step(self):
        """Read one block, or boot the slot. Raises nothing."""
        found = self._record
        try:
            if self._target is None:
                self._begin(found)
            if not self._target.finish():
                return False
            found.pop("next", None)
            record.boot_next(self._store, found, self._target)
        except (AlinkError, KeyError, ValueError) as e:
            # The job is still open: the platform offers it again and it is downloaded again.
            log.info("the interrupted trial is given up:", e)
            record.clear(self._store)
            self._up.missed = 3000  # an offer that came meanwhile is not repeated by itself
            return True
        parts.use("job.restart").restart(self._up)
        return True

    def _begin(self, found):
        target = self._up.options[1] or parts.use("job.slot").Slot()
        digest = binascii.unhexlify(found["digest"])
        target.begin_check(found["size"], found["method"], digest, bytearray(4096))
        self._target = target
