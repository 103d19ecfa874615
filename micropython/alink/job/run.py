# Run: one job, from its beginning to its end, one bounded step at a time. MIT licence.
#
# Here is what is needed while something is fetched; the steps before and behind that are in
# steps.py, what is done once in moves.py, beginning.py, states.py, starting.py, storing.py and
# ending.py: each is loaded for its moment. RAM: the Download with its buffers, source, target.

import time

from micropython import const

from .. import parts
from ..errors import AlinkError

# States; what they mean and which may follow which stands in moves.py.
_FETCHING = const(1)
_TELLING = const(4)
_OVER = const(7)
_BEGINNING = const(9)

_IN_TURN = const(2)

_REPLY_MS = const(30000)  # for a fresh link
_PATIENCE_MS = const(30000)  # of an offer that waits for a block to be whole
_STEP_MS = const(1000)  # progress at most once a second
_STEP_PERCENT = const(5)


class Run:
    """The work on one job; over when step() returns True.

    up: Updater. job: Job, or None for one that could not even be read. part: modules.Module, or
    None for the slot. module: str, its name. Attributes: fetching (bool, renew() is welcome),
    checking (False: see again.py), hears (whether an offer may be judged beside it: nothing is in
    its buffers, or has been for too long), resting (whether nothing could move in the last step:
    a pause, or no link for what is left to say), fetch (the Download, or None). All are made, and
    the others told, in moves.py.
    """

    checking = stale = False
    starved = 0
    hears = True
    last = closing = None  # type: object

    up: "Updater"  # type: ignore[name-defined]  # noqa: F821
    job: "Job"  # type: ignore[name-defined]  # noqa: F821
    fetch: "Download | None"  # type: ignore[name-defined]  # noqa: F821
    block: object
    others: "Module | None"  # type: ignore[name-defined]  # noqa: F821
    asked: int
    resting: object
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
    since: int

    def __init__(self, *args):
        parts.ask("job.moves", "fill", self, *args)

    def turn(self, part, name, *args):
        """Do what a function of one of the parts named above (str: "states") does. What memory is
        not enough for can be done again.
        """
        return parts.ask("job." + part, name, self, *args)

    def tell(self, *args):
        """Tell the platform how far this is, see progress.told(); it may get lost."""
        try:
            if self.fetch is not None and self.fetch.mover is not None:
                parts.use("job.progress")  # it stays beside what moves
            self.up.device.publish(*self.turn("progress", "told", *args))
        except (AlinkError, MemoryError):
            pass  # the next one says more

    def starve(self):
        """There was not even the memory to say so: the buffers go, and with them this way."""
        fetch = self.fetch
        self.fetch = self.block = None
        if fetch is not None:
            fetch.close()
        self.starved += 1

    def step(self):
        """Do the next bounded thing; True when the run is over. Raises nothing but Ctrl-C."""
        try:
            if self.state == _FETCHING:
                fetch = self.fetch
                if fetch is None:
                    # See ending.overtaken(), and starve().
                    raise self.last or MemoryError()  # type: ignore[misc]
                wanting = fetch.waits == "link"
                if self.way == _IN_TURN and self.held == wanting:
                    # Off the line for as long as the download has one of its own.
                    self.turn("states", "sign_off", not wanting)
                if fetch.source.config is None and not self.up.device.connected:
                    # Over MQTT nothing can come, and what moves is not to be beside a sign-in.
                    if fetch.source.stream is not None:
                        self.turn("room", "hang_up")
                    self.resting = True
                    return False
                done = fetch.step()
                self.resting = fetch.waits
                now = time.ticks_ms()
                self.hears = True
                if done is None and not fetch.source.unvouched:
                    self.since = now
                elif time.ticks_diff(now, self.since) < _PATIENCE_MS:
                    self.hears = False
                percent = self.before + fetch.offset
                if percent >= self.mark:
                    one = self.job.size // 100 + 1  # so 100 is never said: when it is bootable
                    percent //= one
                    self.mark = (percent + 1) * one
                    self.up.call(self.up.on_progress, percent)
                    if (
                        percent >= self.told + _STEP_PERCENT
                        and self.up.device.connected
                        and time.ticks_diff(now, self.at) >= _STEP_MS
                    ):
                        self.at = now
                        if fetch.packed is not None:
                            # (One after the other: beside a package there is the least room.)
                            fetch.rest()
                        self.tell(percent)
                if done:
                    fetch = None
                    self.turn("states", "fetched")
                elif (
                    self.resting == "link"
                    and self.up.device.connected
                    and not 0 < time.ticks_diff(self.asked, time.ticks_ms()) <= _REPLY_MS
                ):
                    self.turn("starting", "want_link")
            elif self.state == _BEGINNING and self.last is None:
                self.turn("beginning", "begin")
            else:
                if self.others is None:
                    self.others = parts.use("job.steps")
                self.others.step(self)
        except Exception as e:
            fetch = None  # what this has is to go
            if _TELLING <= self.state <= _OVER:
                raise  # it has ended: what is left to say is said when there is memory for it
            self.turn("ending", "trouble", e)
        return self.state == _OVER
