# Packages and images through links that do all that links do, with offers in between. MIT licence.

import time

from dice import Dice
from package_fakes import AlinkError, Any, Partition, Source, errors, fill, parts
from package_maker import ADD, COPY, INSERT, compressed, difference, op
from room_fakes import Run, begun

IMAGE = bytes((i * 31 + (i >> 8) * 7) & 255 for i in range(14000))
SOURCE = bytes((i * 17 + (i >> 8)) & 255 for i in range(9000))
SEEDS = range(1, 9)


class Blind(Any):
    """A slot that takes all, also what was written to before."""

    def look(self, block, size):
        pass


class Wild(Source):
    """A link that breaks, stands still, begins again and damages, until it is calm.

    mqtt: bytes of each 4096 are not vouched for until they are whole."""

    bad = False
    damages = 1

    def __init__(self, body, dice, mqtt):
        super().__init__(body)
        self.dice = dice
        self.mqtt = mqtt
        self.calm = False

    def open(self, file, offset, size):
        assert self.block is not None
        assert file is not None
        if not self.calm:
            if self.dice(6) == 0:
                codes = (errors.LINK, errors.HTTP_STATUS, errors.EXPIRED)
                raise AlinkError(codes[self.dice(2 if self.mqtt else 3)], "")
            if self.dice(8) == 0 and not self.mqtt:
                offset = 0
            if self.dice(4) == 0 and self.mqtt:
                return None
        if not self.mqtt:
            for i in range(len(self.block)):
                self.block[i] ^= 0x5A
        self.unvouched = 0
        self.bad = False
        self.at = offset
        self.stream = self
        return offset

    def readinto(self, buf, n):
        dice = self.dice
        assert self.stream is not None
        if self.mqtt and self.at % 4096 == 0:
            self.block[0] ^= 0x5A  # a header
        kind = dice(60)
        if kind < 15:
            return None
        if not self.calm:
            if kind == 16 and not self.mqtt:
                raise OSError(104)
            if kind == 17 and not self.mqtt:
                return 0
            if kind == 18 and self.mqtt and not self.bad:
                self.unvouched = 0
                raise AlinkError(errors.TIMEOUT, "x")
            if kind == 19 and self.mqtt and self.unvouched:
                self.stream = None
                raise AlinkError(errors.BLOCK, "CRC")
            if kind == 20 and self.mqtt and self.at % 4096 and not self.bad:
                self.at -= self.at % 4096
                self.unvouched = 0
                return -1
        n = min(n, 1 + dice(900), len(self.body) - self.at)
        if not self.mqtt:
            buf[:n] = self.body[self.at : self.at + n]
            self.at += n
            return n
        n = min(n, 4096 - self.at % 4096)
        ends = (self.at + n) % 4096 == 0 or self.at + n == len(self.body)
        if ends and self.bad:
            self.stream = None
            raise AlinkError(errors.BLOCK, "CRC")
        buf[:n] = self.body[self.at : self.at + n]
        if kind > 50 and not self.calm and self.damages and not ends and self.at > 100:
            self.damages -= 1
            self.bad = True
            buf[0] ^= 1
        self.at += n
        self.unvouched = 0 if ends else self.unvouched + n
        return n


def walk(seed, body, wanted, mqtt):
    dice = Dice(seed)
    fill(0, SOURCE)
    fill(1, b"\xa5" * dice(20000))
    source = Wild(body, dice, mqtt)
    one = begun(
        body, source, Blind(), tries=1000, fresh_links=1000, retry_min_ms=0, retry_max_ms=0
    )
    if mqtt:
        one.file.stream = (1, 1)
    run = Run(one)
    steps = 0
    while True:
        steps += 1
        assert steps < 20000, "no end"
        source.calm = steps > 600
        if one.waits:
            one.last = time.ticks_ms()
            if one.waits == "link" and dice(3) == 0:
                one.link = one.file
        act = dice(40)
        if act < 3:
            parts.ask("job.room", "free", run)
        elif act == 3 and mqtt and source.stream is not None and not source.bad:
            parts.ask("job.room", "hang_up", run)
        if one.step():
            break
        assert one.state < 7 or not one.waits, "it moves, and says that it waits"
    while not one.target.finish():
        pass
    assert bytes(Partition.slots[1][: len(wanted)]) == wanted, seed


def many(mqtt):
    ops = op(COPY, 5000), op(INSERT, 8000, IMAGE[:8000]), op(ADD, 900, bytes(900))
    image = SOURCE[:5000] + IMAGE[:8000] + SOURCE[5000:5900]
    bad = {}
    for seed in SEEDS:
        for kind, (body, wanted) in enumerate(
            ((compressed(IMAGE), IMAGE), (difference(image, SOURCE, *ops), image), (IMAGE, IMAGE))
        ):
            try:
                walk(seed, body, wanted, mqtt)
            except Exception as e:
                text = "%s %s" % (type(e).__name__, e)
                bad.setdefault(text[:60], []).append((seed, kind))
    assert not bad, bad


def test_whatever_a_link_over_https_does_the_image_is_right():
    many(False)


def test_whatever_a_link_over_mqtt_does_the_image_is_right():
    many(True)
