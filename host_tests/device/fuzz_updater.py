# The application of the fuzz target "updater": offers into a whole Updater. MIT licence.
#
# Runs as main.py on a board of the sim. An input: 1 byte (bit 0: a query's reply), the length of
# the offer (4), the offer, then what the download server would send (empty: it is away).

import sys
import time

sys.path.append("/common")
from alink import Updater, errors, log
from alink.errors import AlinkError
from alink.job.http import HttpSource
from fuzz_common import Run

log.level = 0
run = Run()


class Own:
    """acked(), next_id(), the settings of the sign-in and the topics before it, of which there are
    none: they are the package's own, and in an image they have other names.
    """

    def __call__(self, *args):
        return True if args else "7"

    def __getitem__(self, at):
        return 0

    def __iter__(self):
        return iter(())


class Device:
    """Always connected; keeps the last report."""

    product_key = "a1B2c3D4e5F"
    device_name = "greenhouse_07"
    connected = True
    session = 1
    error = on_feed = None

    def __init__(self):
        self.sent = 0

    def poll(self):
        pass

    @property
    def handlers(self):
        # (What is listened to is a list of lists, whatever its name is here.)
        (topics,) = [one for one in self.__dict__.values() if isinstance(one, list)]
        return [one[1] for one in topics]

    def publish(self, topic, payload, qos=0):
        self.sent += 1
        if len(payload) > 16384:
            run.bad("a report of %d bytes" % len(payload))
        return 1

    def __getattr__(self, name):
        return Own()

    def hold(self):
        self.connected = False

    def resume(self):
        self.connected = True

    def disconnect(self):
        run.bad("restarts")


class Source(HttpSource):
    """Hands on `body`, whatever the link is; ends early when it is too short."""

    body = b""

    def open(self, file, offset, size):
        if not self.body:
            raise AlinkError(errors.LINK, "away")
        self.at = offset
        self.stream = self
        return offset

    def readinto(self, chunk, n):
        if self.at + n > len(self.body):
            raise AlinkError(errors.LINK, "closed early")
        chunk[:n] = self.body[self.at : self.at + n]
        self.at += n
        return n


device = Device()
source = Source()
updater = Updater(
    device,
    "1.0.0",
    source=source,
    fetch={"tries": 2, "retry_min_ms": 1, "retry_max_ms": 1},
)


def idle():
    began = time.ticks_ms()
    updater.poll()
    while updater.busy or updater.run is not None:
        updater.poll()
        if time.ticks_diff(time.ticks_ms(), began) > 10000:
            run.bad("never idle again: " + updater.state)
            return


def one(data):
    size = int.from_bytes(data[1:5], "big")
    source.body = data[5 + size :]
    reply = data[0] & 1
    if reply:
        updater.check()
    device.handlers[reply]("topic", data[5 : 5 + size])
    idle()
    source.body = b""
    if updater.error is not None:
        print("ended", updater.error.name)
    updater.job = updater.error = updater.bad = None


idle()
run.all("/fuzz/inputs", one)
