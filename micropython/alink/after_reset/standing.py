# What a reset has left, until it is settled: a trial that ends well, one put off, one to be told
# of. MIT licence.
#
# While an image on trial proves itself there is proving.py in its place.

import time

from micropython import const

from .. import log, parts, trial

_ASK_MS = const(60000)  # an answer may get lost
_ASKS = const(3)

# How far this session's version report has come: the gateway has taken it, and the trial is over.
_TAKEN = const(1)
_CONFIRMED = const(2)

_RETRY = const(9)  # place in the Updater's options


class After:
    """A trial that ends well, or what came of the last one; settled when step() returns True.

    up: Updater. found: dict, the trial's record, or None. fell: list (step, desc, module, job
    key), what the platform has to be told of a trial; None, or whatever NVS has in its place.
    """

    left = 0

    def __init__(self, up, found, fell):
        self._up = up
        self._record = found
        self._fell = fell if isinstance(fell, list) and len(fell) == 4 else None
        self._telling = None  # the report of what came of a trial, under way
        self._asks = 0  # how often it was asked whether the one that fell is still offered,
        self._asked = None  # and when it is asked again
        self._at = None  # when a trial that never got a link is tried again
        self._report = 0
        self._due = False  # that time is over: the platform is asked whether it is still wanted

    def condemns(self, key):
        """Whether the job `key`, offered now, is not to be begun as one that is new.

        It fell and the platform does not know yet, or it is in the slot already and gets its trial
        when the link has held for a while: now, if that has been waited for.
        """
        if self._fell is not None:
            if self._fell[3] == key:
                self._tell()
                return True
            self._untold(key)
        found = self._record
        if found is None or found["key"] != key:
            return False
        if self._due:
            self._at = self._record = None
            self._up.run = parts.use("job.again").Again(self._up, journal(), found)
        return True

    def overtaken(self, key=None):
        """The platform offers the job `key` for the slot, or none: another's trial, put off, is
        forgotten, and so is what came of one.
        """
        self._untold(key)
        if self._record is not None and self._record["key"] != key:
            parts.use("record").clear(journal())
            log.info("no more trial of", self._record["version"])
            self._record = self._at = None

    def passes(self):
        """Whether a greeting may be made: not on trial, where it is confirmed first."""
        return not trial.running()

    def taken(self):
        """The gateway has taken the version report: this session stands.

        What that means comes with the next step(): on trial it was the last word of a greeting
        (unless modules have a version to tell, too), which is let go first.
        """
        self._report = _TAKEN

    def _stands(self):
        # Once more after a want of memory: from where it was.
        up = self._up
        if trial.running():
            parts.drop("after_reset.proving")
            self._report = _CONFIRMED
            parts.ask("after_reset.confirm", "confirm", up.feed is None)
        if self._report == _CONFIRMED:
            store = journal()
            if self._record is not None:
                parts.ask("attempts", "put", store, self._record["key"], 0)
                self._record = None
            parts.use("record").clear(store)
            log.info("version %s is confirmed" % up.version)
            up.set_state("confirmed")
            up.set_state("idle")
        elif self._record is not None and self._at is None:
            self._at = time.ticks_add(time.ticks_ms(), up.options[_RETRY])
        if self._fell is not None and not self._fell[3]:
            self._tell()  # of no job: safe mode, see alone.py
        elif self._fell is not None and self._asked is None:
            # Hello asks now.
            self._asked = time.ticks_add(time.ticks_ms(), _ASK_MS)
        self._report = 0

    def _tell(self):
        # What came of a trial is told when its job is offered once more. A report names no job: if
        # this one was cancelled meanwhile, it would end the next one.
        if self._telling is None:
            step, desc, module, _ = self._fell
            device = self._up.device
            reports = parts.use("reports")
            self._telling = reports.Acknowledged(device, reports.step, step, desc, module, 1)

    def _untold(self, key):
        # Not told, since the platform offers the job `key`, or none (None).
        fell = self._fell
        if (
            fell is not None
            and fell[3] not in ("", key)
            and (not key or key.split("/")[0] == fell[2])
        ):
            _forget_fell()
            log.info("not told of a trial that nobody waits for")
            self._telling = self._fell = None

    def step(self):
        """Do what is due; True when nothing is left to do."""
        up = self._up
        if trial.running():
            trial.watch().linked(up.device.connected)
        if self._report:
            self._stands()
        if self._asked is not None and self._telling is None and up.device.connected:
            if self._fell is None:
                self._asked = None
            elif not 0 < time.ticks_diff(self._asked, time.ticks_ms()) <= _ASK_MS:
                self._asked = time.ticks_add(time.ticks_ms(), _ASK_MS)
                self._asks += 1
                if self._asks < _ASKS:
                    up.missed = 0
                else:
                    self._tell()
        if self._telling is not None and self._telling.done():
            _forget_fell()
            self._telling = self._fell = None
        if self._at is not None and up.run is None and up.device.connected and self._is_time():
            # It may have been cancelled meanwhile. (The answer comes by way of job/gate.py.)
            self._due = True
            self._at = time.ticks_add(time.ticks_ms(), _ASK_MS)
            up.missed = 0
        return not trial.running() and self._record is None and self._fell is None

    def _is_time(self):
        # What seems to lie further ahead than it was set was days ago: ticks wrap.
        wait = _ASK_MS if self._due else self._up.options[_RETRY]
        return not 0 < time.ticks_diff(self._at, time.ticks_ms()) <= wait


def journal():
    """What NVS has of a trial (nvs.Store)."""
    nvs = parts.use("nvs")
    return nvs.Store(nvs.JOURNAL)


def _forget_fell():
    parts.use("nvs").hint(journal().erase, "fell")
