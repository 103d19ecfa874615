# How often each of the last few jobs has failed, in NVS. MIT licence. Loaded when it is asked.

from micropython import const

from .nvs import hint

_JOBS_KEPT = const(8)


class Attempts:
    """{job key: failures}; store: nvs.Store of the namespace "alink_ota"."""

    def __init__(self, store):
        self._store = store
        kept = store.get_json("attempts")
        # In the form of another alink it is as good as none.
        good = isinstance(kept, list) and all(
            isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], int)
            for entry in kept
        )
        self._list = kept if good else []

    def count(self, key):
        """Failed attempts of the job `key` (int)."""
        for name, count in self._list:
            if name == key:
                return count
        return 0

    def set(self, key, count):
        """The job `key` has failed `count` times; 0 forgets it."""
        others = [entry for entry in self._list if entry[0] != key]
        if count:
            others.insert(0, [key, count])
        if others != self._list:
            self._list = others[:_JOBS_KEPT]
            hint(self._store.set_json, "attempts", self._list)
