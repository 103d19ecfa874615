# Updater: the state machine that poll() advances by one bounded step. MIT licence.
#
# The only place where the two halves meet: the protocol (Device, Reports, job) and the flash
# (Slot, trial, journal). RAM: one chunk of 4096 bytes, the source's ring, a digest.

import binascii
import time

import machine
from micropython import const

from . import errors, hooks, loader, log, trial
from .deferral import Deferral
from .errors import AlinkError
from .fetch import CHUNK, Fetch, check_block_size
from .job import DEFAULT_MODULE, BadJob, parse, valid_version
from .journal import JOURNAL, SETTINGS, Attempts, Checkpoint, Store, hint
from .reader import Reader
from .reports import Acknowledged, Reports
from .standing import Standing

_CHECKING = const(0)  # an interrupted trial's slot is hashed before it boots again
_IDLE = const(1)
_FETCHING = const(2)
_VERIFYING = const(3)
_STORED = const(4)  # bootable: "100" is on its way
_FAILING = const(5)  # the negative step is on its way

_INBOX_MAX = const(3)
_QUERY_MS = const(3000)  # after the version report: a push may have been missed
_AGAIN_MS = const(5000)  # between two reports of the running version, doubled each time
_AGAIN_MAX_MS = const(3600000)
_REPLY_MS = const(30000)  # for the answer to a query, and for "100" to be taken
_LINK_ASKS = const(3)  # queries for a fresh link before the download is given up
_STEP_MS = const(1000)  # progress at most once a second
_STEP_PERCENT = const(5)


class Updater:
    """Keeps the board's software what the platform says it should be.

    device: Device, not necessarily connected. version: str, of the running software, as the
    platform knows it. ca, allow_http: for the download (see HttpSource). block_size: bytes asked
    for at once in a download over MQTT, 4096 to 131072 (see MqttSource). max_attempts: failures of
    one job after which it is refused. retry_trial_ms: how long after the sign-in a trial that
    never got a link is tried again. fetch: keyword arguments for Fetch (tries, ...).

    Hooks, all optional; an exception in one is logged (in on_job it refuses, in self_test it
    falls back):
    on_job(job): True or None accepts, False or a reason (str) refuses, a number of seconds defers.
    on_progress(percent): int, 0..100. on_state(state): str, what it does now.
    self_test(): on trial, before the confirmation; False or an exception falls back.
    before_reset(): last words before the board restarts into the new image.
    feed(): called in each poll() and between the parts of a long step, for the user's watchdog.
    """

    def __init__(
        self,
        device,
        version,
        *,
        source=None,
        target=None,
        ca=None,
        allow_http=False,
        block_size=CHUNK,
        on_job=None,
        on_progress=None,
        on_state=None,
        self_test=None,
        before_reset=None,
        feed=None,
        max_attempts=3,
        retry_trial_ms=600000,
        fetch=None,
    ):
        if not valid_version(version):
            raise ValueError("version: 1 to 64 of letters, digits, '.', '-', '_'")
        check_block_size(block_size)
        if target is None:
            from .slot import Slot

            target = Slot()
        self.version = version
        self.state = ""
        self.job = None  # the Job that is being worked on
        self.error = None  # the last AlinkError of a job or a trial
        self.on_job = on_job
        self.on_progress = on_progress
        self.on_state = on_state
        self.before_reset = before_reset
        self.feed = feed
        self._device = device
        self._target = target
        self._max_attempts = max_attempts
        self._retry_trial_ms = retry_trial_ms
        self._reports = Reports(device, self._remember)
        store = Store(JOURNAL)
        self._source = source  # for every download; None: chosen by the file
        self._http = self._mqtt = None
        self._download = (ca, allow_http, block_size)
        self._reader = Reader(CHUNK)  # both sources', of which one works at a time
        self._fetch = Fetch(Checkpoint(store), **(fetch or {}))
        self._attempts = Attempts(store)
        self._trial = trial.Journal(store)
        self._deferral = Deferral(store)
        self._inbox = []
        self._closing = None  # the job's last report, under way
        self._asked = None  # id of the query whose reply counts
        self._query_at = None
        self._trial_at = None  # when a trial without a link is tried again
        self._bad = None  # hash of the last offer refused for its form
        self._again_ms = _AGAIN_MS
        self._again_at = None  # when a version asked for once more is reported once more
        self._missed = False  # another job was offered meanwhile
        self._now = _IDLE
        device.on_feed = self._feed
        self._loader_ok = loader.check()
        state = self._trial.state
        self.error = self._trial.error
        self._standing = Standing(
            device, self._reports, version, self._trial, self._attempts, store
        )
        self._standing.self_test = self_test
        if state in (trial.AGAIN, trial.LATER):
            self._trial.remember()
        if state == trial.AGAIN:
            self._check_again()
        else:
            self._set_state("on trial" if state == trial.RUNNING else "idle")

    # An interrupted trial.

    def _check_again(self):
        # An interrupted trial is no failure. What is in the slot is hashed once more, since it may
        # be anything by now, and boots again before a word is said to the platform.
        record = self._trial.record
        try:
            digest = binascii.unhexlify(record["digest"])
            self._target.begin_check(record["size"], record["method"], digest, self._fetch.chunk)
        except (AlinkError, KeyError, ValueError) as e:
            self._forget_trial(e)
            return
        self._now = _CHECKING
        self._set_state("checking the interrupted trial of " + record["version"])

    def _forget_trial(self, reason):
        # The job is still open: the platform offers it again and it is downloaded again.
        log.info("the interrupted trial is given up:", reason)
        self._trial.clear()
        self._now = _IDLE
        self._set_state("idle")

    def _check_step(self):
        try:
            if not self._target.finish():
                return
            self._trial.arm_again()
            self._target.activate()
        except AlinkError as e:
            self._forget_trial(e)
            return
        self._restart()

    # The public face.

    def poll(self):
        """Advance by one bounded step: call it from the main loop, as often as the loop turns.

        Bounds: one poll() of the device (see Device.poll), then one of: a connection for the
        download opened (its connect and head time-outs), one chunk of 4096 bytes received, hashed,
        erased and written, one flash block read back, one report sent. Failures of the platform,
        the network, the download and NVS are reported and logged, not raised. On trial AlinkError
        is raised when the confirmation cannot be written: the image falls back then.
        """
        self._feed()
        device = self._device
        device.poll()
        now = self._now
        if now == _CHECKING:
            self._check_step()
            return
        if self._standing.due and self._standing.step():
            self._taken()
        if self._inbox:
            self._judge()
        elif now == _FETCHING:
            self._fetch_step()
        elif now == _IDLE:
            self._idle_step()
        elif now == _VERIFYING:
            self._verify_step()
        else:
            self._closing_step()

    @property
    def busy(self):
        """True while something is under way that a sleeping main loop would slow down."""
        return self._now != _IDLE or self._standing.informing or bool(self._inbox)

    def check(self):
        """Ask the platform for a job (the active query); the answer is treated like a push."""
        if not self._device.connected:
            return
        try:
            self._asked = self._reports.query()
        except AlinkError as e:
            log.debug("query not sent:", e)

    def _taken(self):
        # The gateway has taken the version report: this session stands.
        if self.state == "on trial":
            self._set_state("confirmed")
            self._set_state("idle")
        if self._trial.state == trial.LATER and self._trial_at is None:
            self._trial_at = time.ticks_add(time.ticks_ms(), self._retry_trial_ms)
        if self._now == _IDLE:
            self._ask_in(_QUERY_MS)

    # Offers.

    def _remember(self, payload, reply):
        # Runs inside the device's poll(): the copy is all that happens here.
        if len(self._inbox) < _INBOX_MAX:
            self._inbox.append((payload, reply))

    def _judge(self):
        if trial.running():
            return  # it waits in the inbox until this image is confirmed
        payload, reply = self._inbox.pop(0)
        try:
            job = parse(payload, reply)
            if job is None:
                return
            if job.module != DEFAULT_MODULE:
                raise BadJob(errors.JOB_MODULE, job.module[:32], job.module, job.version)
        except BadJob as e:
            if self._now == _IDLE and self._bad != hash(payload):
                self._bad = hash(payload)
                self._fail(e, e.module)
            return
        if job.reply_to is not None and job.reply_to != self._asked:
            return  # the answer to a question that is settled by now
        self._asked = None
        if job.version == self.version:
            if self._again_at is None or _due(self._again_at):
                log.info("version %s is running already" % job.version)
                self._again_at = time.ticks_add(time.ticks_ms(), self._again_ms)
                self._again_ms = min(2 * self._again_ms, _AGAIN_MAX_MS)
                self._standing.again()
        elif self._now == _IDLE:
            self._consider(job)
        elif self._now == _FETCHING and job.key == self.job.key:
            self._link_at = None
            self._link_asks = 0
            self._fetch.fresh(job.files[0])
        else:
            self._missed = True  # one job at a time: asked for again when this one is settled

    def _consider(self, job):
        journal = self._trial
        if journal.state == trial.LATER and journal.record["key"] == job.key:
            return  # in the slot already: it gets its trial when the link has held for a while
        if self._deferral.holds(job.key) or self._standing.condemns(job.key):
            return
        self.job = job
        if not self._loader_ok:
            self._fail(AlinkError(errors.LOADER), job.module)
            return
        failed = self._attempts.count(job.key)
        if failed >= self._max_attempts:
            self._fail(AlinkError(errors.ATTEMPTS, "failed %d times" % failed), job.module)
            return
        try:
            wish = self.on_job(job) if self.on_job is not None else True
        except Exception as e:
            wish = "on_job: %s %s" % (type(e).__name__, e)
        if wish is False or isinstance(wish, str):
            reason = wish if wish else ""
            self._deferral.clear()
            self._fail(AlinkError(errors.JOB_REFUSED, reason[:64]), job.module)
        elif wish is None or wish is True:
            self._start(job)
        else:
            self._defer(job, int(wish))

    def _defer(self, job, seconds):
        self._deferral.put_off(job.key, seconds)
        self._tell(1, "deferred")
        self._set_state("deferred")

    def _start(self, job):
        self._deferral.clear()
        if self._trial.record is not None:
            self._trial.clear()  # a trial put off is overtaken by this job
            self._trial_at = None
        file = job.files[0]
        try:
            if len(job.files) > 1:
                raise AlinkError(errors.JOB_FORM, "several files")
            self._fetch.start(file, job.key, self._source_of(file), self._target)
        except AlinkError as e:
            self._fail(e, job.module)
            return
        hint(Store(SETTINGS).erase, "dev")  # what is installed is to run, not /dev_app
        self._now = _FETCHING
        self._mark = 0
        self._link_at = None
        self._link_asks = 0
        self._reported = 0
        self._reported_at = time.ticks_ms()
        log.info("update %s -> %s, %d bytes" % (self.version, job.version, job.size))
        self._tell(1, "downloading")
        self._set_state("downloading")

    def _source_of(self, file):
        # Each is made when the first job needs it: a board meets one of them, as a rule.
        if self._source is not None:
            return self._source
        ca, allow_http, block_size = self._download
        if file.stream is None:
            if self._http is None:
                from .http_source import HttpSource

                self._http = HttpSource(ca=ca, allow_http=allow_http, reader=self._reader)
            return self._http
        if self._mqtt is None:
            from .mqtt_source import MqttSource

            self._mqtt = MqttSource(self._device, self._reader, block_size=block_size)
        return self._mqtt

    # The job's own steps.

    def _idle_step(self):
        if self._trial_at is not None and _due(self._trial_at) and self._device.connected:
            self._trial_at = None
            self._check_again()
        elif self._device.connected and (
            self._deferral.due() or (self._query_at is not None and _due(self._query_at))
        ):
            self._query_at = None
            self.check()

    def _fetch_step(self):
        fetch = self._fetch
        try:
            if fetch.step():
                self._now = _VERIFYING
                self._set_state("verifying")
        except AlinkError as e:
            self._fail(e, self.job.module)
            return
        if fetch.offset >= self._mark:
            self._progress()
        if fetch.wants_link:
            self._want_link()

    def _want_link(self):
        # The answer to the query carries a fresh link; asked again when it stays away.
        if not self._device.connected or not (self._link_at is None or _due(self._link_at)):
            return
        if self._link_asks == _LINK_ASKS:
            self._fail(AlinkError(errors.EXPIRED, "none offered"), self.job.module)
            return
        log.info("the link expired: asking for a fresh one")
        self._link_asks += 1
        self._link_at = time.ticks_add(time.ticks_ms(), _REPLY_MS)
        self.check()

    def _progress(self):
        size = self.job.size
        percent = self._fetch.offset // (size // 100 or 1)
        if percent > 99:
            percent = 99  # 100 is said when it is bootable
        self._mark = (percent + 1) * (size // 100 or 1) if percent < 99 else size + 1
        hooks.call(self.on_progress, percent)
        now = time.ticks_ms()
        if (
            percent >= self._reported + _STEP_PERCENT
            and time.ticks_diff(now, self._reported_at) >= _STEP_MS
        ):
            self._reported = percent - percent % _STEP_PERCENT
            self._reported_at = now
            self._tell(self._reported, "downloading")

    def _verify_step(self):
        job = self.job
        try:
            if not self._target.finish():
                return
            failed = self._attempts.count(job.key)
            self._trial.arm(job, self.version, self._target.label, failed)
            self._target.activate()
            self._fetch.forget()
        except AlinkError as e:
            self._trial.clear()
            self._fail(e, job.module)
            return
        log.info("version %s is stored and boots next, on trial" % job.version)
        self._now = _STORED
        self._closing = Acknowledged(
            self._device, lambda: self._reports.step(100, "stored, restarting", job.module, 1)
        )
        self._closing_until = time.ticks_add(time.ticks_ms(), _REPLY_MS)
        hooks.call(self.on_progress, 100)
        self._set_state("restarting")

    def _closing_step(self):
        done = self._closing.done()
        if self._now == _STORED:
            # "100" decides nothing at the platform: it is not worth waiting for long.
            if done or _due(self._closing_until):
                self._restart()
        elif done:
            self._closing = None
            self._now = _IDLE
            self._set_state("idle")
            if self._missed:
                self._missed = False
                self._ask_in(_QUERY_MS)

    def _fail(self, error, module):
        log.info("update failed:", error)
        self.error = error
        self._fetch.close()
        if self._now in (_FETCHING, _VERIFYING) and error.step <= -3:
            # The image or the flash is at fault: a lost link or a power cut would not count.
            self._attempts.set(self.job.key, self._attempts.count(self.job.key) + 1)
            self._fetch.forget()
        self._asked = None
        self._now = _FAILING
        self._closing = Acknowledged(
            self._device, lambda: self._reports.step(error.step, error.desc(), module, 1)
        )
        self._set_state("failed")

    # Small things.

    def _restart(self):
        self._set_state("resetting")
        hooks.call(self.before_reset)
        self._device.disconnect()
        machine.reset()

    def _tell(self, step, desc):
        if not self._device.connected:
            return
        try:
            self._reports.step(step, desc, self.job.module)
        except AlinkError as e:
            log.debug("progress not sent:", e)

    def _ask_in(self, ms):
        self._query_at = time.ticks_add(time.ticks_ms(), int(ms))

    def _feed(self):
        trial.feed()
        if self.feed is not None:
            self.feed()

    def _set_state(self, state):
        self.state = state
        log.debug("state:", state)
        hooks.call(self.on_state, state)


def _due(at):
    return time.ticks_diff(time.ticks_ms(), at) >= 0
