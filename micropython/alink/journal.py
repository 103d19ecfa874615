# The little that must survive a power cut, in NVS. MIT licence.
#
# Whatever stands here is a hint until it has been checked against flash: the firmware erases the
# whole NVS partition when it runs out of pages. Each value is one NVS entry, so a power cut leaves
# the old one or the new one. `boots` and `end` are written by boot.py.

import json

import esp32

from . import errors, log
from .errors import AlinkError

SETTINGS = "alink"  # NVS namespace of what the owner provisions
JOURNAL = "alink_ota"  # NVS namespace of what an update leaves

_NOT_FOUND = -4354  # ESP_ERR_NVS_NOT_FOUND
_TYPE_MISMATCH = -4355  # ESP_ERR_NVS_TYPE_MISMATCH
_INVALID_LENGTH = -4364  # ESP_ERR_NVS_INVALID_LENGTH
_BLOB_MAX = 2048
_JOBS_KEPT = 8  # jobs whose failed attempts are remembered


class Store:
    """One NVS namespace with text and JSON beside numbers and bytes.

    A key that is missing or cannot be read gives `default`. Writing raises AlinkError(NVS) when
    the partition is full or damaged; see hint().
    """

    def __init__(self, namespace):
        self._nvs = esp32.NVS(namespace)

    def get_bytes(self, key, default=None):
        """The blob `key` as bytes."""
        size = 64
        while size <= _BLOB_MAX:
            buf = bytearray(size)
            try:
                count = self._nvs.get_blob(key, buf)
                return bytes(memoryview(buf)[:count])
            except OSError as e:
                if e.errno != _INVALID_LENGTH:
                    return _unread(key, e, default)
            # Too small, and it is not told how long it would have to be.
            size *= 2
        return default

    def get_text(self, key, default=None):
        """The blob `key` as str; `default` when it is not UTF-8."""
        value = self.get_bytes(key)
        if value is None:
            return default
        try:
            return value.decode()
        except ValueError:
            return default

    def get_json(self, key, default=None):
        """The blob `key` parsed as JSON; `default` when it is damaged."""
        value = self.get_bytes(key)
        if value is None:
            return default
        try:
            return json.loads(value)
        except ValueError:
            return default

    def get_int(self, key, default=0):
        """The number `key` (32 bits, signed)."""
        try:
            return self._nvs.get_i32(key)
        except OSError as e:
            return _unread(key, e, default)

    def set_bytes(self, key, value):
        """Store bytes; a key of another type is replaced."""
        try:
            self._nvs.set_blob(key, value)
            self._nvs.commit()
        except OSError as e:
            raise AlinkError(errors.NVS, "%s: %s" % (key, e)) from None

    def set_text(self, key, value):
        """Store a str as UTF-8."""
        self.set_bytes(key, value.encode())

    def set_json(self, key, value):
        """Store what JSON can hold."""
        self.set_text(key, json.dumps(value))

    def set_int(self, key, value):
        """Store a number of 32 bits, signed."""
        try:
            self._nvs.set_i32(key, value)
            self._nvs.commit()
        except OSError as e:
            raise AlinkError(errors.NVS, "%s: %s" % (key, e)) from None

    def erase(self, *keys):
        """Forget `keys`; those that are not there are passed over."""
        try:
            for key in keys:
                try:
                    self._nvs.erase_key(key)
                except OSError as e:
                    if e.errno != _NOT_FOUND:
                        raise
            self._nvs.commit()
        except OSError as e:
            raise AlinkError(errors.NVS, "erasing %s: %s" % (keys, e)) from None


def _unread(key, error, default):
    if error.errno not in (_NOT_FOUND, _TYPE_MISMATCH):
        log.info("NVS: %s cannot be read: %s" % (key, error))
    return default


def hint(write, *args):
    """Write what is good to have, but not worth an update: a failure is logged, not raised."""
    try:
        write(*args)
    except AlinkError as e:
        log.info("not remembered:", e)


class Checkpoint:
    """How far a download had come, and of which file: so that a reset does not cost it all.

    Written behind the data it vouches for, and a hint all the same: who uses it hashes what is in
    flash and counts on being wrong.
    """

    def __init__(self, store):
        self._store = store
        self._at = 0

    def load(self, identity):
        """Bytes (int) of the file `identity` (str) that were in flash, 0 for another file."""
        if self._store.get_text("file") != identity:
            return 0
        self._at = max(self._store.get_int("at"), 0)
        return self._at

    def begin(self, identity):
        """Start from zero with another file."""
        self._at = 0
        # One failure ends it: the old count must never stand beside the new file's name.
        hint(self._begin, identity)

    def _begin(self, identity):
        self._store.erase("at")
        self._store.set_text("file", identity)

    def set(self, at):
        """The first `at` bytes (int) are in flash."""
        if at != self._at:
            self._at = at
            try:  # not by hint(): this is done all along a download, and would make objects
                self._store.set_int("at", at)
            except AlinkError as e:
                log.info("not remembered:", e)

    def clear(self):
        """Forget the file: it is installed, or no good."""
        self._at = 0
        hint(self._store.erase, "file", "at")


class Attempts:
    """How often each of the last few jobs has failed: {job key: count}, kept in NVS."""

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
