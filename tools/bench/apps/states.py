# bench: the most that is alive on the heap in each state of an application. MIT licence.
#
# The reference application with a balance in it: behind every import, wherever the package asks
# for the time, and around NVS and flash, it collects and weighs. What the sim and this file hold
# themselves is weighed before the package is there, and taken off.

import builtins
import gc
import json
import sys
import time

import esp32
import machine  # noqa: F401
import micropython
import network
import ntptime  # noqa: F401
import umqtt.simple  # noqa: F401
from simchip import chip_nvs
from version import VERSION

NAMES = (
    "starting",
    "signing in",
    "reporting",
    "idle",
    "judging",
    "beginning",
    "opening",
    "moving",
    "verifying",
    "storing",
    "on trial",
)
STARTING, SIGNING_IN, REPORTING, IDLE, JUDGING, BEGINNING = range(6)
OPENING, MOVING, VERIFYING, STORING, TRIAL = range(6, 11)
DEPTH = 40
KEY = 256  # bytes that a key of NVS takes in the sim, at least (a blob's takes 450)
alloc = gc.mem_alloc
collect = gc.collect
loaded = sys.modules
worst = [0] * len(NAMES)
least = 1 << 30  # while pieces move
idle = [0] * 64
idles = 0
base = keys = 0
weighing = True  # nothing is, before the base is known
beside = False  # whether an offer was judged beside an update
updater = None


def state():
    if boot["trial"] is not None:
        return TRIAL
    if "alink.signin.connect" in loaded or "alink.signin.subscribe" in loaded:
        return SIGNING_IN
    if updater is None:
        return STARTING
    if "alink.job.gate" in loaded:
        return JUDGING
    name = updater.state
    if name == "downloading" and (opening() or "alink.job.waiting" in loaded):
        return OPENING
    if updater.run is not None:
        if name == "restarting":
            return STORING
        return MOVING if name == "downloading" else VERIFYING if name == "verifying" else BEGINNING
    return IDLE if "alink.hello" not in loaded and device.connected else REPORTING


def opening():
    for name in (
        "alink.job.http_link",
        "alink.job.http_ask",
        "alink.job.http_open",
        "alink.job.http_head",
        "alink.job.http_answer",
        "alink.job.blocks_rest",
    ):
        if name in loaded:
            return True
    return False


def deep(depth):
    # What calls that are over have left on the stack is overwritten: the collector would keep
    # what it points at. (An import has 4 KB of the stack, most of it as it was before.)
    if depth:
        deep(depth - 1)


def weigh():
    global weighing, least, beside
    if weighing:
        return
    weighing = True
    deep(DEPTH)
    collect()
    alive = alloc() - base - (chip_nvs.keys() - keys) * KEY
    at = state()
    if at == JUDGING and not beside and updater.state == "downloading":
        beside = True
        print("bench beside", 1)
    if at == MOVING and alive < least:
        least = alive
    if at == VERIFYING and least:
        print("bench moving", least)
        least = 0
    if alive > worst[at] + 32:
        worst[at] = alive
        print("bench worst", json.dumps((NAMES[at], alive, parts_there())))
    weighing = False


def parts_there():
    return [name[6:] for name in sorted(loaded) if name.startswith("alink.")]


def around(call):
    def weighed(*args):
        weigh()
        try:
            return call(*args)
        finally:
            weigh()

    return weighed


def behind(call):
    def weighed(*args):
        deep(DEPTH)
        try:
            return call(*args)
        finally:
            weigh()

    return weighed


boot = sys.modules.get("alink_boot")
network.WLAN(network.STA_IF)
esp32.NVS("alink")
esp32.Partition(esp32.Partition.RUNNING).info()
for name in ("get_blob", "get_i32", "set_blob", "set_i32", "commit"):
    setattr(esp32.NVS, name, around(getattr(esp32.NVS, name)))
for name in ("writeblocks", "set_boot"):
    setattr(esp32.Partition, name, around(getattr(esp32.Partition, name)))
builtins.__import__ = behind(__import__)
time.ticks_ms = around(time.ticks_ms)
try:
    # So much further on lies all that follows: see packed.py.
    filler = bytearray(esp32.NVS("alink").get_i32("filler"))
except OSError:
    filler = None
# The table of names, the sim's are in it, doubles when it is full: it is made to grow now.
count = 0
before = after = alloc()
while after - before < 6000:
    before = after
    hasattr(sys, "~%d" % count)
    count += 1
    collect()
    after = alloc()
micropython.qstr_info()
keys = chip_nvs.keys()
base = alloc()
print("bench base", base)
weighing = False

from alink import parts, setup  # noqa: E402


def start():
    global device, setup, updater
    settings = setup.settings()
    setup.online(settings)
    device = setup.device(settings)
    updater = setup.updater(device, VERSION, settings)
    setup = None


start()
parts.drop("setup")
while True:
    updater.poll()
    if state() == IDLE and idles < len(idle):
        collect()
        idle[idles] = alloc() - base - (chip_nvs.keys() - keys) * KEY
        idles += 1
        if idles == len(idle):
            micropython.qstr_info()
            print("bench idle", json.dumps((min(idle), parts_there())))
    if not updater.busy:
        time.sleep_ms(2)
