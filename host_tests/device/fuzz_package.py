# Packages into a slot, whole ones and ones with something changed, over a link that dribbles and
# breaks. MIT licence.

import binascii
import hashlib
import sys
import time

import flash_fakes
from alink import errors, log, parts
from alink.errors import AlinkError
from dice import Dice
from fuzz_common import Run

_STEPS_MAX = 200000

log.level = 0
run = Run()
parts.use("job.https").keep = parts.use("job.fetch").keep = True
parts.use("job.slot").keep = True
Plain = parts.use("job.https").Source
Slot = parts.use("job.slot").Slot


class Source(Plain):
    """Serves `body` in odd pieces; breaks now and then, and goes on where it is asked to."""

    def __init__(self, body, dice):
        super().__init__()
        self.body = body
        self.roll = Dice(dice)
        self.tick = 0

    def open(self, file, offset, size):
        for i in range(0, 4096, 64):
            self.block[i] ^= 0x55  # it is free for that
        self.at = offset
        self.stream = self
        return offset

    def readinto(self, buf, n):
        kind = self.roll(40)
        if kind < 8:
            return None
        if kind == 8:
            raise OSError(104)
        n = min(n, 1 + self.roll(2000))
        n = min(n, len(self.body) - self.at)
        buf[:n] = self.body[self.at : self.at + n]
        self.at += n
        return n

    def close(self):
        self.stream = None


class Any(Slot):
    """A slot for images that are none."""

    def look(self, block, size):
        pass


class Facts:
    diff = False
    stream = None
    url = None
    method = "sha256"


def spoil():
    data = flash_fakes.Partition.slots[1]
    for i in range(0, len(data), 1000):
        data[i] ^= 0xA5
    flash_fakes.Partition.erased.clear()  # or it would be what the heap grows by


def unpack(body, dice):
    file = Facts()
    file.size = len(body)
    file.digest = hashlib.sha256(body).digest()
    source = Source(body, dice)
    target = Any()
    pauses = {"retry_min_ms": 0, "retry_max_ms": 0, "tries": 1000}
    fetch = parts.use("job.fetch").Download(None, pauses)
    written = flash_fakes.Partition.written
    parts.ask("job.checkpoint", "start", fetch, file, "default/1/x", source, target)
    steps = 0
    try:
        while not fetch.step():
            steps += 1
            if fetch.waits:
                fetch.last = time.ticks_ms()
            if fetch.state == 9 and flash_fakes.Partition.written - written:
                run.bad("written before all was settled")
                return None
            if steps > _STEPS_MAX:
                run.bad("no end")
                return None
        while not target.finish():
            pass
    except AlinkError:
        if fetch.state == 9 and flash_fakes.Partition.written - written:
            run.bad("refused too late")
        raise
    finally:
        fetch.close()
    if target.holds is None:
        raise AlinkError(errors.PACKAGE)  # taken for an image, which it is not
    size, _, digest = target.holds
    image = bytes(flash_fakes.Partition.slots[1][:size])
    if hashlib.sha256(image).digest() != digest:
        run.bad("the slot holds something else")
    return image


def one(data):
    body = data[4:]
    if not body:
        return
    spoil()
    try:
        image = unpack(body, int.from_bytes(data[:3], "big"))
    except AlinkError as exc:
        if exc.step not in (-1, -3) or len(exc.text(128)) > 128:
            run.bad("reported as step %d: %s" % (exc.step, exc.text(128)))
        print("GOT", run.index, '"E%d"' % exc.code)
    else:
        if image is not None:
            print("GOT", run.index, '"%s"' % binascii.hexlify(image).decode())


with open(sys.argv[2], "rb") as f:
    flash_fakes.Partition.slots[0][:] = f.read()
run.all(sys.argv[1], one)
