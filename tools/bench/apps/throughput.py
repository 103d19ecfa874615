# bench: the same file by alink and by a bare loop, in turn, in one process. MIT licence.

import builtins
import gc
import hashlib
import json
import socket
import time

import common
import esp32
import tls
from alink import Updater, errors, parts
from alink.errors import AlinkError
from version import VERSION

now = time.ticks_us
took = time.ticks_diff
# Since the download began: in NVS (C on a chip, Python on the sim), and in loading parts of the
# package and letting them go (once for each, and once for each report of progress).
nvs_us = parts_us = 0
loading = False


def set_i32(self, key, value):
    global nvs_us
    began = now()
    plain_set(self, key, value)
    nvs_us += took(now(), began)


def commit(self):
    global nvs_us
    began = now()
    plain_commit(self)
    nvs_us += took(now(), began)


def loads(call):
    def timed(*args):
        global parts_us, loading
        if loading:
            return call(*args)
        loading = True
        began = now()
        try:
            return call(*args)
        finally:
            parts_us += took(now(), began)
            loading = False

    return timed


builtins.__import__ = loads(__import__)
parts.drop = loads(parts.drop)
plain_set = esp32.NVS.set_i32
plain_commit = esp32.NVS.commit
esp32.NVS.set_i32 = set_i32
esp32.NVS.commit = commit


open_us = set_boot_us = 0
moving = activating = 0  # ticks at which it began
job = link = None
written = 0
written_nvs_us = written_parts_us = 0
ready = False


def watch(fetch):
    # The download's source and target, with a clock on two of their methods.
    plain_open = fetch.source.open
    plain_activate = fetch.target.activate

    def opened(file, offset, size):
        global nvs_us, parts_us, moving, open_us
        began = now()
        start = plain_open(file, offset, size)
        nvs_us = parts_us = 0
        moving = now()
        open_us = took(moving, began)
        return start

    def activate():
        # Does it all, and then refuses: the board stays on this version for the next round.
        global activating, set_boot_us
        activating = now()
        plain_activate()
        set_boot_us = took(now(), activating)
        raise AlinkError(errors.BOOT_REFUSED, "the bench goes on")

    fetch.source.open = opened
    fetch.target.activate = activate


def on_job(offered):
    global job, link
    job = offered
    link = offered.files[0].url  # all of it: see job/states.py


def on_state(state):
    global written, written_nvs_us, written_parts_us, ready
    if state == "downloading":
        watch(updater.run.fetch)
        gc.collect()
    elif state == "verifying":
        written = now()
        written_nvs_us = nvs_us
        written_parts_us = parts_us
    elif state == "idle" and job is not None:
        ready = True


def bare(url, size, part):
    # -> (us from the first body byte to the last chunk written, us of the handshake, digest)
    host, _, path = url.split("://")[1].partition("/")
    name, _, port = host.partition(":")
    sock = socket.socket()
    sock.connect(socket.getaddrinfo(name, int(port))[0][-1])
    shaken = 0
    if url.startswith("https:"):
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_REQUIRED
        context.load_verify_locations(ca)
        began = now()
        sock = context.wrap_socket(sock, server_hostname=name)
        shaken = took(now(), began)
    sock.write(b"GET /%s HTTP/1.0\r\nHost: %s\r\n\r\n" % (path.encode(), host.encode()))
    while sock.readline() != b"\r\n":
        pass
    gc.collect()
    began = now()
    md5 = hashlib.md5()
    chunk = bytearray(4096)
    for block in range(size // 4096):
        sock.readinto(chunk)
        md5.update(chunk)
        part.writeblocks(block, chunk)
    rest = size % 4096
    if rest:
        tail = memoryview(chunk)[:rest]
        sock.readinto(tail)
        md5.update(tail)
        for i in range(rest, 4096):
            chunk[i] = 0xFF
        part.writeblocks(size // 4096, chunk)
    spent = took(now(), began)
    sock.close()
    return spent, shaken, md5.digest()


device, settings = common.begin()
ca = settings.get_bytes("ca")
secure = bool(settings.get_int("secure"))
updater = Updater(
    device,
    VERSION,
    ca=ca,
    allow_http=not secure,
    on_job=on_job,
    max_attempts=1000,
)
updater.on_state = on_state
told = False
while True:
    updater.poll()
    if device.connected and not updater.busy and not told:
        told = True
        print("bench ready 1")
    if ready:
        ready = False
        part = esp32.Partition(esp32.Partition.RUNNING).get_next_update()
        loop_us, handshake_us, digest = bare(link, job.size, part)
        figures = {
            "alink_us": took(written, moving),
            "nvs_us": written_nvs_us,
            "parts_us": written_parts_us,
            "open_us": open_us,
            "read_back_us": took(activating, written),
            "set_boot_us": set_boot_us,
            "bare_us": loop_us,
            "handshake_us": handshake_us,
            "same": digest == job.files[0].digest,
            "size": job.size,
        }
        print("bench pair", json.dumps(figures))
    if not updater.busy:
        time.sleep_ms(2)
