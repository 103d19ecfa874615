# The on-board tests: one line of JSON for each, {"check", "ok", "detail"}. MIT licence.
# OFFLINE (bool: nothing that needs a network) is assigned by whoever sends this.
# ruff: noqa: F821
#
# Changes nothing that lasts: one key of a namespace of its own in NVS, and the last block of the
# slot that does not run, if that is blank, are written and erased again. But the sign-in is the
# board's first contact where it has only its product's secret: it registers then, and stays so.

import binascii
import gc
import hashlib
import json
import sys
import time

HEAP_MIN = 40000  # bytes: TLS takes its own from the system's heap
SYSTEM_BLOCK_MIN = 20000  # bytes in one piece, for a TLS record
WIFI_MS = 20000
NTP_TRIES = 5


class Failed(Exception):
    pass


def need(condition, text):
    if not condition:
        raise Failed(text)


def loader():
    boot = sys.modules.get("alink_boot")
    need(boot is not None, "alink's boot.py did not run")
    need(boot["trial"] is None, "the running version is on trial")
    return "LOADER %d" % boot["loader"]


def modules():
    missing = []
    for name in ("esp32", "machine", "tls", "socket", "requests", "umqtt.simple", "alink"):
        try:
            __import__(name)
        except ImportError:
            missing.append(name)
    need(not missing, "missing: " + ", ".join(missing))
    return "alink " + __import__("alink").__version__


def digests():
    fox = b"The quick brown fox jumps over the lazy dog"
    sha256 = binascii.hexlify(hashlib.sha256(fox).digest())
    wanted = b"d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592"
    need(sha256 == wanted, "SHA-256 is wrong")
    md5 = binascii.hexlify(hashlib.md5(fox).digest())
    need(md5 == b"9e107d9d372bb6826bd81d3542a419d6", "MD5 is wrong")
    return "SHA-256, MD5"


def slots():
    from esp32 import Partition

    found = [p for p in Partition.find(Partition.TYPE_APP) if p.info()[1] >= 16]
    need(len(found) >= 2, "%d app slots, an update needs two" % len(found))
    running = Partition(Partition.RUNNING)
    other = running.get_next_update()
    need(other.info()[2] != running.info()[2], "there is no slot but the running one")
    return "%s runs, %s is free for an update" % (running.info()[4], other.info()[4])


def flash():
    from esp32 import Partition

    part = Partition(Partition.RUNNING).get_next_update()
    block = part.info()[3] // 4096 - 1
    buf = bytearray(4096)
    part.readblocks(block, buf)
    for byte in buf:
        if byte != 255:
            return "not tried: the last block of %s is in use" % part.info()[4]
    pattern = bytearray(4096)
    for i in range(4096):
        pattern[i] = (i * 37 + (i >> 8)) & 255
    part.writeblocks(block, pattern)
    part.readblocks(block, buf)
    right = buf == pattern
    part.ioctl(6, block)
    part.readblocks(block, buf)
    need(right, "the flash does not hold what was written")
    need(buf == b"\xff" * 4096, "the flash cannot be erased")
    return "a block of %s written, read, erased" % part.info()[4]


def nvs():
    from esp32 import NVS

    store = NVS("alink_test")
    store.set_blob("probe", b"0123456789")
    store.commit()
    buf = bytearray(16)
    n = NVS("alink_test").get_blob("probe", buf)
    store.erase_key("probe")
    store.commit()
    need(n == 10 and buf[:10] == b"0123456789", "NVS does not hold what was written")
    return "written, read, erased"


def memory():
    gc.collect()
    free = gc.mem_free()
    need(free >= HEAP_MIN, "%d bytes of heap free, %d are needed" % (free, HEAP_MIN))
    text = "%d KiB of heap free" % (free // 1024)
    from esp32 import HEAP_DATA, idf_heap_info

    block = max([region[2] for region in idf_heap_info(HEAP_DATA)])
    need(block >= SYSTEM_BLOCK_MIN, "largest block for TLS has %d bytes only" % block)
    return text + ", %d KiB in one piece for TLS" % (block // 1024)


def settings():
    missing = []
    for key in ("product_key", "device_name", "host"):
        if not store.get_text(key):
            missing.append(key)
    how = ""
    if not store.get_text("device_secret"):
        if store.get_text("device_token"):
            how = ", registered"
        elif store.get_text("product_secret"):
            how = ", not registered yet"
        else:
            missing.append("device_secret")
    need(not missing, "missing: " + ", ".join(missing))
    return store.get_text("product_key") + "/" + store.get_text("device_name") + how


def wifi():
    from network import STA_IF, WLAN

    wlan = WLAN(STA_IF)
    wlan.active(True)
    ssid = store.get_text("wifi_ssid")
    if not wlan.isconnected():
        need(ssid, "no network, and wifi_ssid is not set")
        try:
            wlan.disconnect()
        except OSError:
            pass  # was not connecting
        wlan.connect(ssid, store.get_text("wifi_pass"))
        start = time.ticks_ms()
        while not wlan.isconnected():
            status = wlan.status()
            if status == 202:
                raise Failed("the network %s refuses the password" % ssid)
            if time.ticks_diff(time.ticks_ms(), start) > WIFI_MS:
                why = "is not found" if status == 201 else "does not let the board in"
                raise Failed("the network %s %s (status %s)" % (ssid, why, status))
            time.sleep_ms(50)
    return "%s, %s dBm" % (wlan.ifconfig()[0], wlan.status("rssi"))


def clock():
    import ntptime
    from alink.clock import is_set

    ntptime.host = store.get_text("ntp_host", "ntp.aliyun.com")
    for n in range(NTP_TRIES):
        if is_set():
            break
        try:
            ntptime.settime()
        except Exception as e:
            need(n < NTP_TRIES - 1, "%s does not answer: %s" % (ntptime.host, e))
            time.sleep_ms(500)
    t = time.gmtime()
    need(is_set(), "the clock says %d" % t[0])
    return "%d-%02d-%02d %02d:%02d UTC" % t[:5]


def address():
    import socket

    host = store.get_text("host")
    try:
        found = socket.getaddrinfo(host, 0)[0][-1]
    except OSError as e:
        raise Failed("%s has no address: %s" % (host, e))
    return "%s is %s" % (host, found[0]) if isinstance(found, tuple) else host


def register():
    # Whether this is the board's first contact.
    from alink import AlinkError

    if store.get_text("device_secret") or store.get_text("device_token"):
        return False
    try:
        from alink import registration
    except ImportError:
        raise Failed("the application was built without it: image.py build --with registration")
    try:
        registration.ensure(store, tries=1)
    except AlinkError as e:
        raise Failed("E%d %s: %s; %s" % (e.code, e.name, e.detail, e.advice))
    return True


def sign_in():
    from alink import AlinkError, setup

    first = register()
    device = setup.device(store)
    start = time.ticks_ms()
    try:
        device.connect()
    except AlinkError as e:
        raise Failed("E%d %s: %s; %s" % (e.code, e.name, e.detail, e.advice))
    took = time.ticks_diff(time.ticks_ms(), start)
    device.disconnect()
    return "%ssigned in and subscribed in %d ms" % ("registered, " if first else "", took)


def run(name, check):
    gc.collect()
    try:
        detail = check()
        ok = True
    except Failed as e:
        detail = e.args[0]
        ok = False
    except Exception as e:
        detail = "%s: %s" % (type(e).__name__, e)
        ok = False
    print(json.dumps({"check": name, "ok": ok, "detail": str(detail)}))
    return ok


store = None
run("loader", loader)
run("slots", slots)
run("flash", flash)
run("nvs", nvs)
run("memory", memory)
if run("modules", modules):
    run("digests", digests)
    from alink.journal import SETTINGS, Store

    store = Store(SETTINGS)
    steps = [("settings", settings)]
    if not OFFLINE:
        steps += [("network", wifi), ("clock", clock), ("address", address), ("sign-in", sign_in)]
    for name, check in steps:
        if not run(name, check):
            break
