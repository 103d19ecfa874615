# Digests of what the namespace "alink" holds: one line of JSON, {key: sha256 in hex or None}.
# MIT licence. KEYS, and ERASE (bool: forget them first), are assigned by whoever sends this.
# ruff: noqa: F821

import binascii
import hashlib
import json

import esp32

_INVALID_LENGTH = -0x110C


# The same as in status.py: each of these scripts is sent to a board alone.
def blob(key):
    size = 64
    while size <= 4096:
        buf = bytearray(size)
        try:
            return bytes(buf[: nvs.get_blob(key, buf)])
        except OSError as e:
            if e.errno != _INVALID_LENGTH:
                return None
        size *= 2
    return None


def value(key):
    try:
        return str(nvs.get_i32(key)).encode()
    except OSError:
        return blob(key)


nvs = esp32.NVS("alink")
if ERASE:
    for key in KEYS:
        try:
            nvs.erase_key(key)
        except OSError:
            pass  # was not there
    nvs.commit()
    # Of a download that was under way: its signed link (micropython/alink/job/states.py).
    ota = esp32.NVS("alink_ota")
    try:
        ota.erase_key("link")
        ota.commit()
    except OSError:
        pass  # there is none
found = {}
for key in KEYS:
    data = value(key)
    found[key] = None if data is None else binascii.hexlify(hashlib.sha256(data).digest()).decode()
print(json.dumps(found))
