# Run: one job, from its beginning to its end, one bounded step at a time. MIT licence.
#
# Here is what is needed while something is fetched; the steps before and behind that are in
# steps.py, what is done once in moves.py, states.py, starting.py, storing.py and ending.py, loaded
# for their moment. RAM: the Download with its buffers, source, target.

import time

from micropython import const

from .. import log, parts
from ..errors import AlinkError
from ..session import framed

# States; what they mean and which may follow which stands in moves.py.
_FETCHING = const(1)
_VERIFYING = const(2)
_TELLING = const(4)
_OVER = const(7)
_BEGINNING = const(9)

_IN_TURN = const(2)

_REPLY_MS = const(30000)  # for a fresh link
_STEP_MS = const(1000)  # progress at most once a second
_STEP_PERCENT = const(5)
_TOPIC = const(21)  # bytes of a progress report's topic in front of the names


class Run:
    """The work on one job; over when step() returns True.

    up: Updater. job: Job, or None for one that could not even be read. part: modules.Module, or
    None for the slot. module: str, its name. Attributes: fetching (bool, renew() is welcome),
    checking (False: see again.py), fetch (the Download, or None). The others are told in
    moves.py.
    """

    checking = False

    module: str
    state: int
    way: int
    held: bool
    said: str
    index: int
    before: int
    mark: int
    told: int
    at: int

    def __init__(self, *args):
        self.up = self.job = self.fetch = self.target = self.block = None
        self.asked = self.closing = self.others = None
        parts.ask("job.moves", "fill", self, *args)

    @property
    def resting(self):
        """Whether nothing can move now: a pause, or no link for what is left to say."""
        if self.fetch is not None and self.fetch.waits:
            return True
        return self.closing is not None and not self.up.device.connected

    def go(self, state):
        """To another state, if that is a legal move (see moves.py)."""
        parts.ask("job.moves", "go", self, state)

    def turn(self, part, name, *args):
        """Do what a function of "states", "opening", "starting", "storing" or "ending" (str)
        does. What memory is not enough for can be done again.
        """
        return parts.ask("job." + part, name, self, *args)

    def starve(self):
        """There was not even the memory to say so: the buffers go, and with them this way."""
        fetch = self.fetch
        self.fetch = self.block = None
        if fetch is not None:
            fetch.close()

    def step(self):
        """Do the next bounded thing; True when the run is over. Raises nothing but Ctrl-C."""
        try:
            if self.state == _FETCHING:
                self._download()
            elif self.state == _BEGINNING:
                self.turn("opening", "begin")
                self.go(_FETCHING)
                self.up.set_state("downloading")
                if self.said:
                    self.tell(max(self.told, 1), self.said)
                    self.said = ""
            else:
                if self.others is None:
                    self.others = parts.use("job.steps")
                self.others.step(self)
        except Exception as e:
            if _TELLING <= self.state <= _OVER:
                raise  # it has ended: what is left to say is said when there is memory for it
            self.turn("ending", "trouble", e)
        return self.state == _OVER

    def _download(self):
        fetch = self.fetch
        if fetch is None:
            raise MemoryError  # see starve()
        wanting = fetch.waits == "link"
        if self.way == _IN_TURN and self.held == wanting:
            # Off the line for as long as the download has one of its own.
            self.turn("states", "hold", not wanting)
        done = fetch.step()
        if self.before + fetch.offset >= self.mark:
            self._progress()
        if done:
            fetch = None
            self.go(_VERIFYING)
            self.turn("states", "fetched")
        elif (
            wanting
            and self.up.device.connected
            and (
                self.asked is None
                or not 0 < time.ticks_diff(self.asked, time.ticks_ms()) <= _REPLY_MS
            )
        ):
            self.turn("starting", "want_link")

    def _progress(self):
        up = self.up
        one = self.job.size // 100 or 1
        percent = min((self.before + self.fetch.offset) // one, 99)  # 100: when it is bootable
        self.mark = (percent + 1) * one if percent < 99 else self.job.size + 1
        up.call(up.on_progress, percent)
        now = time.ticks_ms()
        if percent >= self.told + _STEP_PERCENT and time.ticks_diff(now, self.at) >= _STEP_MS:
            self.told = percent - percent % _STEP_PERCENT
            self.at = now
            self.tell(self.told)

    def tell(self, step, desc="downloading"):
        """Report `step` (int) and `desc` (str without quotes), if there is a session; it may get
        lost. As reports.step(), but written down as it is: there is no text in it that JSON would
        have to quote, and this is there when there is least room for anything else.
        """
        device = self.up.device
        if device.connected:
            of = "" if self.module == "default" else '"module":"%s",' % self.module
            name = "%s/%s" % (device.product_key, device.device_name)
            text = '/ota/device/progress/%s{"id":"%s","params":{%s"step":"%d","desc":"%s"}}' % (
                name,
                device.next_id(),
                of,
                step,
                desc,
            )
            count = (_TOPIC + len(name)).to_bytes(2, "big")
            # (One packet, and nothing else of it, while it is sent.)
            name = text = framed(0x30, count, memoryview(text))  # type: ignore[arg-type]
            try:
                device._send(text)
            except AlinkError:
                log.debug("progress not sent")
