# How a board is: one line of JSON. Reads only; needs nothing of alink. MIT licence.
#
# Secrets: only whether they are set.

import binascii
import gc
import hashlib
import json
import os
import struct
import sys

STATES = {0: "new", 1: "on trial", 2: "valid", 3: "invalid", 4: "fell back"}
PLAIN = ("product_key", "device_name", "host", "wifi_ssid", "ntp_host")
NUMBERS = ("port", "secure", "allow_http", "regnwl", "dev")
HIDDEN = ("device_secret", "product_secret", "device_token", "wifi_pass", "ca")


class SlotVolume:
    # The LittleFS behind an image, read-only; as boot.py has it.
    def __init__(self, part, start, block, count):
        self.part = part
        self.start = start
        self.block = block
        self.count = count

    def readblocks(self, n, buf, offset=0):
        at = self.start + n * self.block + offset
        self.part.readblocks(at // 4096, buf, at % 4096)

    def writeblocks(self, n, buf, offset=0):
        raise OSError(30)

    def ioctl(self, op, arg):
        return self.count if op == 4 else self.block if op == 5 else 0


def read(part, at, n):
    buf = bytearray(n)
    part.readblocks(at // 4096, buf, at % 4096)
    return buf


def end_of_image(part, size):
    # None: no image; else the first address behind it, rounded up.
    head = read(part, 0, 24)
    if head[0] != 0xE9:
        return None
    at = 24
    for _ in range(head[1]):
        at += 8 + struct.unpack("<I", read(part, at + 4, 4))[0]
        if at >= size:
            return None
    at = (at + 16) & ~15
    return (at + (32 if head[23] == 1 else 0) + 4095) & ~4095


def version_in(text):
    parts = text.split('"')
    return parts[1] if text.startswith("VERSION") and len(parts) > 2 else None


def version_of(part, size):
    import vfs

    at = end_of_image(part, size)
    if at is None:
        return "no image", None
    if at + 4096 > size:
        return "image", None
    block = read(part, at, 32)
    if block[8:16] != b"littlefs":
        return "image", None
    size, count = struct.unpack("<II", block[24:])
    try:
        vfs.mount(vfs.VfsLfs2(SlotVolume(part, at, size, count)), "/_look", readonly=True)
        try:
            with open("/_look/version.py") as f:
                return "image", version_in(f.read(200))
        finally:
            vfs.umount("/_look")
    except OSError:
        return "image with a damaged application", None


def otadata(count):
    # The state of each slot; None: nothing is known of it.
    from esp32 import Partition

    found = Partition.find(Partition.TYPE_DATA, subtype=0)
    states = [None] * count
    seqs = [0] * count
    if not found or not count:
        return states
    for sector in (0, 1):
        entry = bytearray(32)
        found[0].readblocks(sector, entry, 0)
        seq, _, state, crc = struct.unpack("<I20sII", entry)
        if seq == 0xFFFFFFFF or binascii.crc32(entry[:4], 0xFFFFFFFF) != crc:
            continue
        n = (seq - 1) % count
        if seq > seqs[n]:
            seqs[n] = seq
            states[n] = STATES.get(state, "unknown" if state != 0xFFFFFFFF else "never tried")
    return states


# The same as in settings.py: each of these scripts is sent to a board alone.
def blob(nvs, key):
    size = 64
    while size <= 4096:
        buf = bytearray(size)
        try:
            return bytes(buf[: nvs.get_blob(key, buf)])
        except OSError as e:
            if e.errno != -0x110C:  # ESP_ERR_NVS_INVALID_LENGTH: too small
                return None
        size *= 2
    return None


def number(nvs, key):
    try:
        return nvs.get_i32(key)
    except OSError:
        return None


def text(nvs, key):
    value = blob(nvs, key)
    if value is None:
        return None
    try:
        return value.decode()
    except ValueError:
        return "not text"


def parsed(nvs, key):
    try:
        return json.loads(blob(nvs, key))
    except (TypeError, ValueError):
        return None


def slots(parts):
    states = otadata(len(parts))
    found = []
    for part in parts:
        _, subtype, _, size, label, _ = part.info()
        content, version = version_of(part, size)
        found.append(
            {
                "label": label,
                "size": size,
                "content": content,
                "version": version,
                "state": states[subtype - 16] if subtype - 16 < len(states) else None,
            }
        )
    return found


def settings(nvs):
    # Of what is secret only whether it is there.
    found = {}
    for key in PLAIN:
        found[key] = text(nvs, key)
    for key in NUMBERS:
        found[key] = number(nvs, key)
    for key in HIDDEN:
        value = blob(nvs, key)
        found[key] = None if value is None else len(value) if key == "ca" else "set"
    key = blob(nvs, "sign_key")
    found["sign_key"] = key and binascii.hexlify(hashlib.sha256(key).digest()).decode()
    return found


def main():
    gc.collect()
    out = {"heap_free": gc.mem_free(), "heap_used": gc.mem_alloc()}
    boot = sys.modules.get("alink_boot")
    out["loader"] = None if boot is None else boot["loader"]
    if boot is not None:
        out["trial"] = boot["trial"] is not None
        out["dev_running"] = boot["dev"]
        out["mount_error"] = boot["error"]
    try:
        import esp32
    except ImportError:
        print(json.dumps(out))
        return
    try:
        regions = esp32.idf_heap_info(4)
        out["idf_free"] = sum([region[1] for region in regions])
        out["idf_block"] = max([region[2] for region in regions])
    except (AttributeError, ValueError):
        out["idf_free"] = None
    running = esp32.Partition(esp32.Partition.RUNNING).info()[4]
    parts = [p for p in esp32.Partition.find(esp32.Partition.TYPE_APP) if p.info()[1] >= 16]
    out["running"] = running
    out["slots"] = slots(parts)
    out["settings"] = settings(esp32.NVS("alink"))
    journal = esp32.NVS("alink_ota")
    out["fell"] = parsed(journal, "fell")
    out["attempts"] = parsed(journal, "attempts")
    record = parsed(journal, "trial")
    out["record"] = record.get("version") if isinstance(record, dict) else None
    try:
        info = os.statvfs("/")
        out["vfs_free"] = info[0] * (info[3] if info[3] <= info[2] else 0)  # full: -1, as unsigned
        out["vfs_size"] = info[0] * info[2]
    except OSError:
        out["vfs_free"] = None
    print(json.dumps(out))


main()
