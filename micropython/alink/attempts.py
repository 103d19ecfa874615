# How often each of the last few jobs has failed, in NVS. MIT licence. Loaded when it is asked.
#
# [[job key, failures], ...], the latest first.

from micropython import const

from .nvs import hint

_JOBS_KEPT = const(8)


def _load(store):
    kept = store.get_json("attempts")
    # In the form of another alink it is as good as none.
    if not isinstance(kept, list):
        return []
    for entry in kept:
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[1], int):
            return []
    return kept


def count(store, key):
    """Failed attempts of the job `key` (int). store: nvs.Store of JOURNAL."""
    for name, failures in _load(store):
        if name == key:
            return failures
    return 0


def put(store, key, failures):
    """The job `key` has failed so often (int); 0 forgets it."""
    kept = _load(store)
    others = [entry for entry in kept if entry[0] != key]
    if failures:
        others.insert(0, [key, failures])
    if others != kept:
        hint(store.set_json, "attempts", others[:_JOBS_KEPT])
