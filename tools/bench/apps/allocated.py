# bench: heap bytes that one update allocates, with the collector off, part by part. MIT licence.
#
# What the sim's own Python allocates (NVS and set_boot() are C on the chip) is counted apart.

import gc
import json
import time

import esp32
import network
from alink import Device, Updater, http_source
from alink.journal import SETTINGS, Store
from version import VERSION

settings = Store(SETTINGS)
ca = settings.get_bytes("ca")
secure = bool(settings.get_int("secure"))
alloc = gc.mem_alloc


class NoCollector:
    @staticmethod
    def collect():
        pass


http_source.gc = NoCollector  # open() collects: that would hide what was allocated
sim = 0
inside = False
chunks = 0
count = 0
opening = 0
marks = {}


# One wrapper for each number of arguments: *args would allocate itself.
def counted1(call):
    def one(a):
        global sim, inside
        if inside:
            return call(a)
        inside = True
        before = alloc()
        try:
            return call(a)
        finally:
            sim += alloc() - before
            inside = False

    return one


def counted2(call):
    def two(a, b):
        global sim, inside
        if inside:
            return call(a, b)
        inside = True
        before = alloc()
        try:
            return call(a, b)
        finally:
            sim += alloc() - before
            inside = False

    return two


def counted3(call):
    def three(a, b, c):
        global sim, inside
        if inside:
            return call(a, b, c)
        inside = True
        before = alloc()
        try:
            return call(a, b, c)
        finally:
            sim += alloc() - before
            inside = False

    return three


for name, wrap in (
    ("set_i32", counted3),
    ("set_blob", counted3),
    ("get_blob", counted3),
    ("get_i32", counted2),
    ("erase_key", counted2),
    ("commit", counted1),
):
    setattr(esp32.NVS, name, wrap(getattr(esp32.NVS, name)))
esp32.Partition.set_boot = counted1(esp32.Partition.set_boot)
esp32.Partition.get_next_update = counted1(esp32.Partition.get_next_update)


class Source(http_source.HttpSource):
    def open(self, url, offset, size):
        global opening
        before = alloc()
        start = super().open(url, offset, size)
        opening += alloc() - before
        return start


def mark(state):
    marks[state] = (alloc(), sim)


def tell():
    gc.enable()
    names = ("ready", "downloading", "verifying", "restarting", "resetting")
    figures = {"chunks": chunks, "count": count, "opening": opening, "size": updater.job.size}
    figures["marks"] = [marks[name] for name in names]
    figures["idle"] = idle
    print("bench allocated", json.dumps(figures))


network.WLAN(network.STA_IF).active(True)
network.WLAN(network.STA_IF).connect("desk", "")
while not network.WLAN(network.STA_IF).isconnected():
    time.sleep_ms(10)
device = Device(
    settings.get_text("product_key"),
    settings.get_text("device_name"),
    settings.get_text("device_secret"),
    settings.get_text("host"),
    settings.get_int("port"),
    secure=secure,
    ca=ca,
)
updater = Updater(
    device,
    VERSION,
    source=Source(ca=ca, allow_http=not secure),
    on_state=mark,
    before_reset=tell,
)
# The names exist beforehand: a dict that grows would count as the update's.
for state in ("ready", "downloading", "verifying", "restarting", "resetting"):
    marks[state] = (0, 0)
plain_move = updater._fetch.move


def move():
    global chunks, count
    before = alloc()
    n = plain_move()
    chunks += alloc() - before
    if n:
        count += 1
    return n


updater._fetch.move = move
while not device.connected or updater.busy:
    updater.poll()
until = time.ticks_add(time.ticks_ms(), 4000)  # the query after the version report is behind it
while time.ticks_diff(until, time.ticks_ms()) > 0:
    updater.poll()
    time.sleep_ms(2)
gc.collect()
gc.disable()
before = alloc()
for _ in range(500):
    updater.poll()
idle = alloc() - before
mark("ready")
print("bench ready 1")
while True:
    updater.poll()
