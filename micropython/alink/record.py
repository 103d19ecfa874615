# The record of a trial in NVS: written before its image boots, read after each reset. MIT licence.
#
# {version, from_version, slot, size, method, digest (hex), key, module, attempts (failed ones
# before), power and no_link (trials in a row that ended so), next (the decision, once made)}.

from .nvs import hint

_KEYS = ("trial", "boots", "end")
_FIELDS = (
    "version",
    "slot",
    "size",
    "method",
    "digest",
    "key",
    "module",
    "attempts",
    "power",
    "no_link",
)


def load(store):
    """The record in `store` (nvs.Store of JOURNAL), or None: none, or another alink's."""
    record = store.get_json("trial")
    if isinstance(record, dict) and all(name in record for name in _FIELDS):
        return record
    return None


def save(store, record):
    """Write it down. Raises AlinkError(NVS).

    The record last: a power cut before it leaves the earlier one without an ending, which reads as
    an interruption and is tried again.
    """
    store.erase("boots", "end")
    store.set_json("trial", record)


def clear(store):
    """Forget the trial: it is over, and what came of it is known."""
    # The record first: what is left of the others is erased before the next trial.
    hint(store.erase, *_KEYS)
