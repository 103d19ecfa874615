# A board's main loop around a Device, told what to do and telling what happens. MIT licence.
#
# Argument: a JSON file with the Device's arguments, and `topics` to subscribe to. On stdin: lines
# of JSON [command, ...]. On stdout: lines of JSON [event, ...], flushed by the newline.

import gc
import json
import select
import sys
import time

import micropython
from alink import parts
from alink.device import Device
from alink.errors import AlinkError


def say(*words):
    print(json.dumps(words))


def heap():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()


def idle_polls_allocate(dev):
    # None, or what was raised when something had to be allocated.
    poll = dev.poll
    micropython.heap_lock()
    try:
        for _ in range(50):
            poll()
    except MemoryError:
        micropython.heap_unlock()
        return "MemoryError"
    micropython.heap_unlock()
    return None


class Probe:
    def __init__(self, config):
        topics = config.pop("topics")
        if "ca" in config:
            with open(config["ca"], "rb") as f:
                config["ca"] = f.read()
        # The names that a sign-in brings stay for ever, and are not the Device's.
        for name in ("setup", "connect", "subscribe"):
            parts.use("signin." + name)
        __import__("umqtt.simple")
        Device(**config)
        before = heap()
        self.dev = Device(**config)
        for topic in topics:
            self.dev.subscribe(topic, self.got)
        say("made", heap() - before)
        self.before = before
        self.was = None
        self.waiting = {}

    def got(self, topic, payload):
        say("got", topic, len(payload), payload[:40].decode())
        if topic.endswith("/ask"):
            self.waiting[self.dev.publish(topic[:-3] + "answer", payload, 1)] = True

    def step(self):
        dev = self.dev
        began = time.ticks_ms()
        dev.poll()
        took = time.ticks_diff(time.ticks_ms(), began)
        if took > 150:
            say("slow", took)
        now = (dev.connected, dev.session, dev.error.text() if dev.error else None)
        if now != self.was:
            self.was = now
            say(
                "up" if now[0] else "down",
                dev.session,
                dev.error.name if dev.error else "",
                now[2],
            )
        for pid in list(self.waiting):
            if dev.acked(pid):
                del self.waiting[pid]
                say("acked", pid)

    def command(self, name, *args):
        dev = self.dev
        try:
            if name == "publish":
                topic, text, times, qos = args
                pid = dev.publish(topic, text * times, qos)
                if pid:
                    self.waiting[pid] = True
                say("published", pid)
            elif name == "flood":
                topic, size, times = args
                for _ in range(times):
                    began = time.ticks_ms()
                    dev.publish(topic, bytes(size))
            elif name == "heap":
                say("heap", heap() - self.before)
            elif name == "lock":
                say("lock", idle_polls_allocate(dev))
        except AlinkError as exc:
            took = time.ticks_diff(time.ticks_ms(), began) if name == "flood" else 0
            say("failed", exc.name, exc.text(), took)


def main():
    with open(sys.argv[1]) as f:
        probe = Probe(json.load(f))
    poller = select.poll()
    poller.register(sys.stdin, select.POLLIN)
    while True:
        probe.step()
        for _ in poller.ipoll(1):
            line = sys.stdin.readline()
            if not line:
                return
            probe.command(*json.loads(line))


main()
