# How often each of the last few jobs has failed, in NVS. MIT licence. Loaded when it is asked.
#
# [[job key, failures], ...], the latest first. And of the download under way, which a reset may
# end without a word: [job key, beginnings without progress, bytes kept at most].

from micropython import const

from .nvs import hint

_JOBS_KEPT = const(8)
_BEGINNINGS = const(5)


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


def more(store, key):
    """The job `key` has failed once more."""
    put(store, key, count(store, key) + 1)


def begin(store, key):
    """A download for the job `key` begins; whether it is to (bool).

    Not when resets have ended five in a row that got no further than those before: that is a
    failed attempt. What ends otherwise takes `begun` back.
    """
    at = times = most = 0
    if store.get_text("file", "").startswith(key + " "):
        at = store.get_int("at")
    kept = store.get_json("begun")
    if isinstance(kept, list) and len(kept) == 3 and kept[0] == key:
        _, times, most = kept
    if not isinstance(times, int) or not isinstance(most, int):
        times = most = 0
    if at > most:
        times = 0
        most = at
    if times >= _BEGINNINGS:
        more(store, key)
        return False
    hint(store.set_json, "begun", [key, times + 1, most])
    return True
