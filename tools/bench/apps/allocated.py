# bench: heap bytes that one update allocates, with the collector off, part by part. MIT licence.
#
# With `block_size` in NVS over MQTT, else over HTTP. With `weigh` it collects behind each chunk
# and tells the most that was alive.
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
block_size = settings.get_int("block_size")
weigh = settings.get_int("weigh")
alloc = gc.mem_alloc
collect = gc.collect


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
peak = freed = 0
began = None
spent = paused = 0
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


if block_size:
    from alink.mqtt_source import MqttSource as Kind
else:
    Kind = http_source.HttpSource


class Source(Kind):
    def open(self, url, offset, size):
        global opening
        before = alloc()
        start = super().open(url, offset, size)
        opening += alloc() - before
        return start


def mark(state):
    marks[state] = (alloc() + freed, sim)


def tell():
    gc.enable()
    names = ("ready", "downloading", "verifying", "restarting", "resetting")
    figures = {"chunks": chunks, "count": count, "opening": opening, "size": updater.job.size}
    figures["marks"] = [marks[name] for name in names]
    figures["idle"] = idle
    figures["peak"] = peak
    figures["spent_us"] = spent - paused
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
if block_size:
    source = Source(device, block_size=block_size, gap_ms=0)
else:
    source = Source(ca=ca, allow_http=not secure)
updater = Updater(
    device,
    VERSION,
    source=source,
    on_state=mark,
    before_reset=tell,
)
# The names exist beforehand: a dict that grows would count as the update's.
for state in ("ready", "downloading", "verifying", "restarting", "resetting"):
    marks[state] = (0, 0)
plain_move = updater._fetch.move


def move():
    global chunks, count, began, spent
    before = alloc()
    n = plain_move()
    chunks += alloc() - before
    if n:
        count += 1
        if began is None:
            began = time.ticks_us()
        spent = time.ticks_diff(time.ticks_us(), began)
        if weigh:
            weighed()
    return n


def weighed():
    global peak, freed, paused
    start = time.ticks_us()
    before = alloc()
    collect()
    alive = alloc()
    freed += before - alive
    if alive > peak:
        peak = alive
    paused += time.ticks_diff(time.ticks_us(), start)


updater._fetch.move = move
while not device.connected or updater.busy:
    updater.poll()
idle_ms = settings.get_int("idle_ms", 4000)
until = time.ticks_add(time.ticks_ms(), idle_ms)  # the query after the version report is behind it
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
