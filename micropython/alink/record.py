# The record of a trial in NVS: written before its image boots, read after each reset. MIT licence.
#
# {version, from_version, slot, size, method, digest (hex), key, module, attempts (failed ones
# before), power and no_link (trials in a row that were interrupted, or had no link), next (the
# decision, once made)}. Beside it `armed`: set_boot() has done its work. (`bad`: see
# starts.py; with a trial a new row of starts begins. `alone`, `alone_n`: see alone.py; what is
# stored needs no start without the application, and after the record nothing would forget them.)

from micropython import const

from .nvs import hint

_KEYS = ("trial", "boots", "end", "armed", "bad", "alone_n", "alone")
_FIELDS = const("version slot size method digest key module attempts power no_link")


def load(store):
    """The record in `store` (nvs.Store of JOURNAL), or None: none, or another alink's."""
    record = store.get_json("trial")
    if isinstance(record, dict) and all(name in record for name in _FIELDS.split()):
        return record
    return None


def save(store, record):
    """Write it down. Raises AlinkError(NVS).

    The record last: a power cut before it leaves the earlier one without an ending, which reads as
    an interruption and is tried again.
    """
    store.erase(*_KEYS[1:])
    store.set_json("trial", record)


def boot_next(store, record, target):
    """Write it down and have the image in `target` (target.Target) boot next.

    Raises AlinkError: NVS, and what the target raises.
    """
    save(store, record)
    target.activate()
    # A reset before this has not been the image's: it was not to run yet.
    hint(store.set_int, "armed", 1)


def clear(store):
    """Forget the trial: it is over, and what came of it is known."""
    # The record first: what is left of the others is erased before the next trial.
    hint(store.erase, *_KEYS)
