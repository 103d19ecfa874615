# One download as told by a JSON file; prints what became of it as JSON, for tests on a host.
# MIT licence.
#
# Argument: that file, with: url, offset, size, ca (file or null), allow_http, connect_ms, head_ms,
# stall_ms, year (to pretend another clock), lock (read under heap_lock), idf (bytes that a chip's
# other heap has free while there is a connection, and 28,000 more without one).

import binascii
import gc
import hashlib
import json
import os
import sys
import time

import micropython

with open(sys.argv[1]) as file:
    told = json.load(file)
if told.get("year"):

    class _Time:
        def __getattr__(self, name):
            return getattr(time, name)

        def gmtime(self, *args):
            return (told["year"], 1, 1, 0, 0, 0, 5, 1)

    sys.modules["time"] = _Time()

import requests
from alink import parts
from alink.errors import AlinkError
from alink.job import moving
from alink.job.http import HttpSource
from alink.job.offer import File
from reader_fakes import Reader

if told.get("idf"):
    from alink import session

    class _Esp32:
        HEAP_DATA = 4
        free = told["idf"]

        @classmethod
        def idf_heap_info(cls, what):
            return [(100000, cls.free, cls.free, 0)]

    class _Wire(session.Wire):
        def close(self):
            _Esp32.free = told["idf"] + 28000
            super().close()

    sys.modules["esp32"] = _Esp32
    session.Wire = _Wire

ca = None
if told.get("ca"):
    with open(told["ca"], "rb") as file:
        ca = file.read()
source = HttpSource(
    ca=ca,
    allow_http=told.get("allow_http", False),
    connect_timeout_ms=told.get("connect_ms", 10000),
    head_timeout_ms=told.get("head_ms", 10000),
)
size = told["size"]
reader = Reader()
source.block = reader.block
reader.source = source
reader.file = File(size, "md5", b"", told["url"])
reader.size = size
reader.stall = told.get("stall_ms", 20000)
reader.stop = time.ticks_add(time.ticks_ms(), 600000)
digest = hashlib.md5()


def open_files():
    gc.disable()  # a collection would close what was left open
    return len(os.listdir("/proc/self/fd"))


def read_body(left):
    result["left"] = left
    while left:
        want = min(left, 4096)
        if moving.read(reader, reader.view, want):
            left -= want
            reader.offset += want
            if want == 4096:
                digest.update(reader.block)
            else:  # the last one: only now is a slice made
                if told.get("lock"):
                    micropython.heap_unlock()
                digest.update(memoryview(reader.block)[:want])
                if told.get("lock"):
                    micropython.heap_lock()
            result["left"] = left
        else:
            result["waits"] += 1


result = {"start": None, "error": None, "text": "", "desc": "", "md5": "", "left": 0, "waits": 0}
result["body_ms"] = 0
before = open_files()
began = time.ticks_ms()
opened = began
try:
    result["start"] = source.open(reader.file, told.get("offset", 0), size)
    opened = reader.last = time.ticks_ms()
    reader.offset = result["start"]
    result["open_ms"] = time.ticks_diff(opened, began)
    if told.get("lock"):
        micropython.heap_lock()
    try:
        read_body(size - result["start"])
    finally:
        if told.get("lock"):
            micropython.heap_unlock()
except (AlinkError, EOFError) as err:
    if isinstance(err, EOFError):
        err = parts.ask("job.broken", "named", *err.args)
    result["error"] = err.name
    result["text"] = str(err)
    result["desc"] = err.text(128)
source.close()
result["total_ms"] = time.ticks_diff(time.ticks_ms(), began)
if result["error"] and result["start"] is None:
    result["open_ms"] = result["total_ms"]
else:
    result["body_ms"] = time.ticks_diff(time.ticks_ms(), opened)
result["leaked"] = open_files() - before
result["md5"] = binascii.hexlify(digest.digest()).decode()
result["tls_left_behind"] = "tls" in sys.modules
result["socket_restored"] = type(requests.socket) is type(sys)
print(json.dumps(result))
