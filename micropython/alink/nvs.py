# NVS with text and JSON: the little that must survive a power cut. MIT licence.
#
# Whatever stands here is a hint until it has been checked against flash: the firmware erases the
# whole NVS partition when it runs out of pages. Each value is one NVS entry, so a power cut leaves
# the old one or the new one. `boots` and `end` are written by boot.py.

import json
import sys

import esp32
from micropython import const

from . import log, parts
from .errors import AlinkError

SETTINGS = "alink"  # NVS namespace of what the owner provisions
JOURNAL = "alink_ota"  # NVS namespace of what an update leaves

_E_NVS = const(82)

_NOT_FOUND = const(-4354)  # ESP_ERR_NVS_NOT_FOUND
_TYPE_MISMATCH = const(-4355)  # ESP_ERR_NVS_TYPE_MISMATCH
_INVALID_LENGTH = const(-4364)  # ESP_ERR_NVS_INVALID_LENGTH
_BLOB_MAX = const(2048)


class Store:
    """One NVS namespace with text and JSON beside numbers and bytes.

    A key that is missing or cannot be read gives `default`. Writing raises AlinkError(NVS) when
    the partition is full or damaged; see hint(). nvs: the esp32.NVS below.
    """

    def __init__(self, namespace):
        self.nvs = opened(namespace)

    def get_bytes(self, key, default=None):
        """The blob `key` as bytes."""
        size = 64
        while size <= _BLOB_MAX:
            buf = bytearray(size)
            try:
                count = self.nvs.get_blob(key, buf)
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
            return self.nvs.get_i32(key)
        except OSError as e:
            return _unread(key, e, default)

    def set_bytes(self, key, value):
        """Store bytes; a key of another type is replaced."""
        try:
            self.nvs.set_blob(key, value)
            self.nvs.commit()
        except OSError as e:
            raise AlinkError(_E_NVS, "%s: %s" % (key, e)) from None

    def set_text(self, key, value):
        """Store a str as UTF-8."""
        self.set_bytes(key, value.encode())

    def set_json(self, key, value):
        """Store what JSON can hold."""
        self.set_text(key, json.dumps(value))

    def set_int(self, key, value):
        """Store a number of 32 bits, signed."""
        try:
            self.nvs.set_i32(key, value)
            self.nvs.commit()
        except OSError as e:
            raise AlinkError(_E_NVS, "%s: %s" % (key, e)) from None

    def erase(self, *keys):
        """Forget `keys`; those that are not there are passed over."""
        try:
            for key in keys:
                try:
                    self.nvs.erase_key(key)
                except OSError as e:
                    if e.errno != _NOT_FOUND:
                        raise
            self.nvs.commit()
        except OSError as e:
            raise AlinkError(_E_NVS, "erasing %s: %s" % (keys, e)) from None


def opened(namespace):
    """The esp32.NVS of a namespace; for the two above always the same one.

    The firmware never closes one: each that is opened has 48 bytes of the IDF heap until a reset.
    """
    if namespace == JOURNAL:
        if parts.journal is None:
            boot = sys.modules.get("alink_boot")
            parts.journal = (boot and boot.get("nvs")) or esp32.NVS(namespace)
        return parts.journal
    if namespace == SETTINGS:
        if parts.settings is None:
            parts.settings = esp32.NVS(namespace)
        return parts.settings
    return esp32.NVS(namespace)


def setting(key):
    """The blob `key` of the settings (bytes), or None."""
    return Store(SETTINGS).get_bytes(key)


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
