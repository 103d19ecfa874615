# esp32.NVS: what is set is seen at once, and kept once it was committed. MIT licence.

from simchip import control, nvsstore, ops
from simchip.esp_err import fail
from simchip.formats import table

entries = None  # of the partition table, from esp32.attach()
_store = None


def keys():
    """How many values there are (int)."""
    return 0 if _store is None else len(_store._index)


class _NvsFlash:
    def __init__(self, base):
        self._base = base

    def read(self, offset, length):
        return ops.read(self._base + offset, length)

    def erase(self, offset):
        ops.erase(self._base + offset)

    def program(self, offset, data):
        ops.program(self._base + offset, data)


# Set or erased, but not committed: seen by every NVS object of this run, lost with it. (The chip
# may have written it already; its documentation does not promise that.)
_pending = {}


def _open_store():
    global _store
    if _store is None:
        if entries is None:
            raise RuntimeError(control.NO_BOARD)
        found = table.find(entries, table.TYPE_DATA, table.SUBTYPE_DATA_NVS)
        if not found:
            fail(0x105)
        _store = nvsstore.NvsLog(_NvsFlash(found[0].address), found[0].size)
    return _store


class NVS:
    """Values of one namespace: i32 and blob."""

    def __init__(self, namespace):
        self._namespace = namespace
        try:
            nvsstore.check_names(namespace, "-")
        except nvsstore.NvsError as exc:
            fail(exc.args[0])
        _open_store()
        if control.memory:
            control.memory.open_handle()

    def _get(self, key):
        place = (self._namespace, key)
        if place in _pending:
            if _pending[place] is None:
                fail(nvsstore.NOT_FOUND)
            return _pending[place]
        try:
            return _store.get(self._namespace, key)
        except nvsstore.NvsError as exc:
            fail(exc.args[0])

    def _set(self, key, value):
        try:
            nvsstore.check_names(self._namespace, key)
        except nvsstore.NvsError as exc:
            fail(exc.args[0])
        place = (self._namespace, key)
        known = place in _pending
        before = _pending.get(place)
        _pending[place] = value
        if not _store.fits(_pending):
            if known:
                _pending[place] = before
            else:
                del _pending[place]
            fail(nvsstore.NOT_ENOUGH_SPACE)

    def _call(self, method, *args):
        # One call into C on the chip.
        control.depth += 1
        try:
            return method(*args)
        finally:
            control.depth -= 1

    def set_i32(self, key, value):
        value &= 0xFFFFFFFF
        self._call(self._set, key, value - (1 << 32) if value >> 31 else value)

    def get_i32(self, key):
        value = self._call(self._get, key)
        if not isinstance(value, int):
            fail(nvsstore.TYPE_MISMATCH)
        return value

    def set_blob(self, key, value):
        self._call(self._set, key, value.encode() if isinstance(value, str) else bytes(value))

    def get_blob(self, key, buf):
        value = self._call(self._get, key)
        if isinstance(value, int):
            fail(nvsstore.TYPE_MISMATCH)
        if len(value) > len(buf):
            fail(nvsstore.INVALID_LENGTH)
        buf[: len(value)] = value
        return len(value)

    def erase_key(self, key):
        self._call(self._get, key)
        _pending[(self._namespace, key)] = None

    def commit(self):
        self._call(self._commit)

    def _commit(self):
        try:
            for place in list(_pending):
                if place[0] == self._namespace:
                    value = _pending[place]
                    if value is not None:
                        _store.set(place[0], place[1], value)
                    elif _store.has(place[0], place[1]):
                        _store.erase(place[0], place[1])
                    del _pending[place]
        except nvsstore.NvsError as exc:
            fail(exc.args[0])
