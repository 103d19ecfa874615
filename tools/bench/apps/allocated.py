# bench: heap bytes that one update allocates, part by part. MIT licence.
#
# With `block_size` in NVS over MQTT, else over HTTP. With `weigh` it collects behind each piece
# and tells the most that was alive. Nothing is collected unseen: the collector's own turns are
# off, and where the package asks for one, what it finds is added to what is allocated. So is what
# parts.drop() gives back by hand, the tables of the modules' globals. What the sim's own Python
# allocates (NVS, partitions and set_boot() are C on the chip) is counted apart, and so is what
# importing takes: the code that is loaded and let go again.

import builtins
import gc
import json
import sys
import time

import esp32
from version import VERSION

alloc = gc.mem_alloc
collect = gc.collect
freed = 0  # by the collector and by parts.drop()


class Gc:
    # For whoever imports gc from now on.
    mem_alloc = gc.mem_alloc
    mem_free = gc.mem_free

    @staticmethod
    def threshold(*often):
        # (What a collection by itself has found would not be counted.)
        return -1

    @staticmethod
    def collect():
        global freed
        before = alloc()
        collect()
        freed += before - alloc()


sys.modules["gc"] = Gc


def total():
    return alloc() + freed


sim = loaded = 0
inside = importing = False
chunks = count = dirty = opening = opening_loaded = peak = 0
dropping = 0  # by what lets go
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
        before = total()
        try:
            return call(a)
        finally:
            sim += total() - before
            inside = False

    return one


def counted2(call):
    def two(a, b):
        global sim, inside
        if inside:
            return call(a, b)
        inside = True
        before = total()
        try:
            return call(a, b)
        finally:
            sim += total() - before
            inside = False

    return two


def counted3(call):
    def three(a, b, c):
        global sim, inside
        if inside:
            return call(a, b, c)
        inside = True
        before = total()
        try:
            return call(a, b, c)
        finally:
            sim += total() - before
            inside = False

    return three


def counted4(call):
    def four(a, b, c, d=-1):
        global sim, inside
        if inside:
            return call(a, b, c, d)
        inside = True
        before = total()
        try:
            return call(a, b, c, d)
        finally:
            sim += total() - before
            inside = False

    return four


for name, wrap in (
    ("set_i32", counted3),
    ("set_blob", counted3),
    ("get_blob", counted3),
    ("get_i32", counted2),
    ("erase_key", counted2),
    ("commit", counted1),
):
    setattr(esp32.NVS, name, wrap(getattr(esp32.NVS, name)))
for name, wrap in (
    ("set_boot", counted1),
    ("get_next_update", counted1),
    ("readblocks", counted4),
    ("writeblocks", counted4),
    ("ioctl", counted3),
):
    setattr(esp32.Partition, name, wrap(getattr(esp32.Partition, name)))

plain_import = __import__


def counted_import(name, scope=None, local=None, names=None, level=0):
    global loaded, importing
    if importing:
        return plain_import(name, scope, local, names, level)
    importing = True
    before = total() - sim
    try:
        return plain_import(name, scope, local, names, level)
    finally:
        loaded += total() - sim - before
        importing = False


builtins.__import__ = counted_import

from alink import parts, setup  # noqa: E402

parts.gc = Gc  # the generated main.py has loaded it before this

# Slots of a table that holds so many names (py/map.c), 16 bytes each on 64 bit.
SLOTS = (0, 1, 2, 4, 6, 8, 10, 12, 17, 23, 29, 37, 47, 59, 73, 97, 127, 167, 223)
plain_drop = parts.drop
plain_use = parts.use


def drop(*names):
    global freed, sim, dropping
    before = total()
    tables = 0
    for name in names:
        full = "alink." + name
        for one, module in sys.modules.items():
            scope = module.__dict__ if one == full or one.startswith(full + ".") else ()
            if scope and "keep" not in scope:
                tables += 16 * min(slots for slots in SLOTS if slots >= len(scope))
    sim += total() - before
    before = total()
    plain_drop(*names)
    freed += tables
    dropping += total() - before


parts.drop = drop


def number(key):
    try:
        return esp32.NVS("alink").get_i32(key)
    except OSError:
        return 0


block_size = number("block_size")
weigh = number("weigh")


def mark(state):
    global sim
    marks[state] = (total() - sim, loaded)
    if state == "downloading":
        # What is exchanged here is the bench's own.
        before = total()
        watch(updater.run.fetch)
        sim += total() - before


class Mover:
    """Stands in for job/moving.py."""

    def __init__(self, move, read):
        self.move = move
        self.read = read


def watch(fetch):
    source = fetch.source
    plain_open = source.open

    def opened(file, offset, size):
        global opening, opening_loaded
        before = total() - sim
        code = loaded
        start = plain_open(file, offset, size)
        opening += total() - sim - before
        opening_loaded += loaded - code
        return start

    def move(fetch):
        global chunks, dirty, count, began, spent
        before = total() - sim
        n = plain_mover.move(fetch)
        taken = total() - sim - before
        if taken:
            chunks += taken
            dirty += 1
        if n:
            count += 1
            if began is None:
                began = time.ticks_us()
            spent = time.ticks_diff(time.ticks_us(), began)
            if weigh:
                weighed()
        return n

    def use(name):
        global plain_mover
        module = plain_use(name)
        if name != "job.moving":
            return module
        plain_mover = module
        return Mover(move, module.read)

    source.open = opened
    parts.use = use


def tell():
    gc.enable()
    names = ("ready", "downloading", "verifying", "restarting", "resetting")
    figures = {"chunks": chunks, "count": count, "dirty": dirty, "size": updater.job.size}
    figures["opening"] = (opening, opening_loaded)
    figures["marks"] = [marks[name] for name in names]
    figures["idle"] = idle
    figures["dropping"] = dropping - dropped
    figures["peak"] = peak
    figures["spent_us"] = spent - paused
    print("bench allocated", json.dumps(figures))


def last():
    mark("resetting")
    tell()


def weighed():
    global peak, paused
    start = time.ticks_us()
    Gc.collect()
    peak = max(peak, alloc())
    paused += time.ticks_diff(time.ticks_us(), start)


settings = setup.settings()
setup.online(settings)
device = setup.device(settings)
updater = setup.updater(
    device,
    VERSION,
    settings,
    block_size=block_size or 4096,
    fetch={"gap_ms": 0},
    on_state=mark,
    before_reset=last,
)
setup = settings = None
parts.drop("setup")
# The names exist beforehand: a dict that grows would count as the update's.
for state in ("ready", "downloading", "verifying", "restarting", "resetting"):
    marks[state] = (0, 0)
while not device.connected or updater.busy:
    updater.poll()
# The query after the version report is to be behind it.
until = time.ticks_add(time.ticks_ms(), number("idle_ms") or 4000)
while time.ticks_diff(until, time.ticks_ms()) > 0:
    updater.poll()
    time.sleep_ms(2)
Gc.collect()
gc.disable()
before = total() - sim
for _ in range(500):
    updater.poll()
idle = total() - sim - before
dropped = dropping
mark("ready")
print("bench ready 1")
while True:
    updater.poll()
