# Updater: the state machine that poll() advances by one bounded step. MIT licence.
#
# The only place where the two halves meet: the protocol (Device, Reports, job) and the flash
# (Slot, trial, journal). RAM: one chunk of 4096 bytes, the source's ring, a digest.
#
# One job at a time, whichever module it is for. What is offered meanwhile is asked for again when
# it is over. A job for the slot ends in a reset and a trial (see trial.py); one for another module
# in Module.install() and a version report.

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
from .modules import Module, Modules
from .reader import Reader
from .reports import Acknowledged, Reports
from .standing import Standing

_CHECKING = const(0)  # an interrupted trial's slot is hashed before it boots again
_IDLE = const(1)
_FETCHING = const(2)
_VERIFYING = const(3)
_STORED = const(4)  # bootable: "100" is on its way
_FAILING = const(5)  # the negative step is on its way
_INSTALLING = const(6)  # a module other than the slot is tried

_INBOX_MAX = const(3)
_REFUSALS_MAX = const(8)
_QUERY_MS = const(3000)  # after the version report: a push may have been missed
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
    never got a link is tried again. fetch: keyword arguments for Fetch (tries, ...). sign_key:
    your public RSA key (see signature.load_key), with which each file of a job has to be signed,
    or None: signatures are not looked at. Raises ValueError for a key that is none.

    Hooks, all optional; an exception in one is logged (in on_job it refuses, in self_test it
    falls back):
    on_job(job): True or None accepts, False or a reason (str) refuses, a number of seconds defers.
    on_progress(percent): int, 0..100. on_state(state): str, what it does now.
    self_test(): on trial, before the confirmation; False or an exception falls back.
    before_reset(): last words before the board restarts into the new image.
    feed(): called in each poll() and while a step waits, for the user's watchdog; not while a name
    is looked up or a TCP connection is made (up to connect_timeout_ms, 10 s).
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
        sign_key=None,
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
        self._check_signed = _signature_check(sign_key)
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
        self._asked = {}  # module: id of the query whose reply counts
        self._query_at = None
        self._trial_at = None  # when a trial without a link is tried again
        self._bad = None  # hash of the last offer refused for its form
        self._missed = False  # another job was offered meanwhile
        self._refusals = {}  # module: the BadJob offered meanwhile, to be answered
        self._now = _IDLE
        self._slot = Module(DEFAULT_MODULE, target, version)
        self._modules = Modules(device, self._reports, self._slot)
        self._part = self._slot  # the Module that the job is for
        self._index = 0  # of the job's file that is being fetched
        self._before = 0  # bytes of the files before it
        device.on_feed = self._feed
        self._feed_failed = self._polling = False
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
        # An offer that came meanwhile was left alone, and is not repeated by itself.
        self._ask_soon()

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

        Bounds: one poll() of the device (see Device.poll), one offer judged, then one of: a
        connection for the download opened (its connect and head time-outs), one chunk of 4096
        bytes received, hashed, erased and written, one flash block read back, one part of another
        target's work (see FilesTarget.work), a self_test, one report sent. Failures of the
        platform, the network, the download and NVS are reported and logged, not raised. On trial
        AlinkError is raised when the confirmation cannot be written: the image falls back then.
        From within a hook it does nothing.
        """
        if self._polling:
            return
        self._polling = True
        try:
            self._step()
        finally:
            self._polling = False

    def _step(self):
        self._feed()
        device = self._device
        device.poll()
        if self._now == _CHECKING:
            self._check_step()
            return
        if self._standing.due:
            if self._standing.step():
                self._taken()
        elif self._modules.due and self._modules.step():
            self._ask_when_idle()
        if self._inbox:
            self._judge()
        # A gateway that offers something at every turn must not stop what is under way.
        now = self._now
        if now == _FETCHING:
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
        informing = self._standing.informing or self._modules.informing
        return self._now != _IDLE or informing or bool(self._inbox)

    def module(self, name, target, version, self_test=None):
        """Keep another part of the board up to date, too: a module with a version of its own.

        name: str, the module's on the platform. target: where its downloads go, see Module;
        FilesTarget for a set of files. version: str, the one that is there now (of files that
        have never been updated any, "0" for instance: the platform offers nothing to a module
        that has not reported). self_test: called with the new part active; False or an exception
        goes back to what was there. It counts as a failure, as does a reset while it runs.

        A module's job ends without a reset: the new version is reported as soon as the self-test
        has passed, a failure with -1 to -4. Raises ValueError: name or version is not one, the
        name is taken, or there are 8 modules already.
        """
        self._modules.add(Module(name, target, version, self_test))

    def check(self):
        """Ask the platform for a job for each module (the active query).

        An answer is treated like a push.
        """
        for name in self._modules.names():
            self._ask(name)

    def _ask(self, name):
        if not self._device.connected:
            return
        try:
            self._asked[name] = self._reports.query(name)
        except AlinkError as e:
            log.debug("query not sent:", e)

    def _taken(self):
        # The gateway has taken the version report: this session stands.
        if self.state == "on trial":
            self._set_state("confirmed")
            self._set_state("idle")
        if self._trial.state == trial.LATER and self._trial_at is None:
            self._trial_at = time.ticks_add(time.ticks_ms(), self._retry_trial_ms)
        self._ask_when_idle()

    # Offers.

    def _remember(self, payload, reply):
        # Runs inside the device's poll(): the copy is all that happens here.
        if len(self._inbox) < _INBOX_MAX:
            self._inbox.append((payload, reply))
        else:
            self._missed = True

    def _judge(self):
        if trial.running():
            return  # it waits in the inbox until this image is confirmed
        if self._now == _IDLE and self._modules.due:
            return  # until the platform knows what there is: a report after a "1" could fail a job
        payload, reply = self._inbox.pop(0)
        try:
            job = parse(payload, reply)
            if job is None:
                return
            part = self._modules.get(job.module)
            if part is None:
                raise BadJob(errors.JOB_MODULE, job.module[:32], job.module, job.version)
        except BadJob as e:
            if self._now != _IDLE:
                if len(self._refusals) < _REFUSALS_MAX:
                    self._refusals[e.module] = e
            elif self._bad != hash(payload):
                self._bad = hash(payload)
                self._fail(e, e.module)
            return
        if job.reply_to is not None and job.reply_to != self._asked.get(job.module):
            return  # the answer to a question that is settled by now
        self._asked.pop(job.module, None)
        if job.version == part.version:
            if part.may_repeat():
                log.info("version %s is running already" % job.version)
                if part is self._slot:
                    self._standing.again()
                else:
                    self._modules.again(part)
        elif self._now == _IDLE:
            self._part = part
            self._consider(job)
        elif self._now == _FETCHING and job.key == self.job.key:
            self._link_at = None
            self._link_asks = 0
            self._renew(job)
        else:
            self._missed = True  # one job at a time: asked for again when this one is settled

    def _renew(self, job):
        # The job under way, offered once more: its link may be fresh, or of another kind.
        mine = self.job.files[self._index]
        if (mine.stream is None) == (job.files[self._index].stream is None):
            self._fetch.fresh(job.files[self._index])
            return
        self._fetch.close()
        self._part.drop()
        self.job = job
        self._start(job)

    def _consider(self, job):
        journal = self._trial
        if journal.state == trial.LATER and journal.record["key"] == job.key:
            return  # in the slot already: it gets its trial when the link has held for a while
        if self._deferral.holds(job.key) or self._standing.condemns(job.key):
            return
        self.job = job
        if self._part is self._slot and not self._loader_ok:
            self._fail(AlinkError(errors.LOADER), job.module)
            return
        failed = self._attempts.count(job.key)
        if failed >= self._max_attempts:
            self._fail(AlinkError(errors.ATTEMPTS, "failed %d times" % failed), job.module)
            return
        try:
            self._check_signed(job.files)
        except AlinkError as e:
            self._fail(e, job.module)
            return
        wish = self._wish(job)
        if isinstance(wish, str):
            self._deferral.clear(job.key)
            self._fail(AlinkError(errors.JOB_REFUSED, wish[:64]), job.module)
        elif wish is True:
            self._start(job)
        else:
            self._defer(job, wish)

    def _wish(self, job):
        # What the application says to a job: True, a reason against it (str), or seconds (int).
        if self.on_job is None:
            return True
        try:
            wish = self.on_job(job)
            if wish is None or wish is True:
                return True
            if wish is False or isinstance(wish, str):
                return wish or ""
            return int(wish)
        except Exception as e:
            return "on_job: %s %s" % (type(e).__name__, e)

    def _defer(self, job, seconds):
        self._deferral.put_off(job.key, seconds)
        self._tell(1, "deferred")
        self._set_state("deferred")

    def _start(self, job):
        self._deferral.clear(job.key)
        slot = self._part is self._slot
        if slot and self._trial.record is not None:
            self._trial.clear()  # a trial put off is overtaken by this job
            self._trial_at = None
        self._before = 0
        try:
            self._start_file(0)
        except Exception as e:
            self._fail(_named(e), job.module)
            return
        if slot:
            hint(Store(SETTINGS).erase, "dev")  # what is installed is to run, not /dev_app
        self._size = job.size
        self._mark = 0
        self._reported = 0
        self._reported_at = time.ticks_ms()
        log.info("update %s -> %s, %d bytes" % (self._part.version, job.version, job.size))
        self._tell(1, "downloading")

    def _start_file(self, index):
        job = self.job
        file = job.files[index]
        self._part.take(job, index)
        self._fetch.start(file, job.key, self._source_of(file), self._part.target)
        self._index = index
        self._link_at = None
        self._link_asks = 0
        self._now = _FETCHING
        self._set_state("downloading")

    def _source_of(self, file):
        # Each is made when the first job needs it: a board meets one of them, as a rule.
        if self._source is not None:
            return self._source
        try:
            return self._http_source() if file.stream is None else self._mqtt_source()
        except MemoryError:
            raise AlinkError(errors.DOWNLOAD, "no memory to begin it")

    def _http_source(self):
        if self._http is None:
            from .http_source import HttpSource

            ca, allow_http, _ = self._download
            self._http = HttpSource(
                ca=ca, allow_http=allow_http, reader=self._reader, on_feed=self._feed
            )
        return self._http

    def _mqtt_source(self):
        if self._mqtt is None:
            from .mqtt_source import MqttSource

            self._mqtt = MqttSource(self._device, self._reader, block_size=self._download[2])
        return self._mqtt

    # The job's own steps.

    def _idle_step(self):
        self._deferral.over()
        connected = self._device.connected
        if connected and _due(self._trial_at, self._retry_trial_ms):
            self._trial_at = None
            self._check_again()
        elif connected and (self._deferral.due() or _due(self._query_at, _QUERY_MS)):
            self._query_at = None
            self.check()
        elif self._refusals:
            module, error = self._refusals.popitem()
            self._fail(error, module)
        elif self._missed:
            self._missed = False
            self._ask_soon()

    def _fetch_step(self):
        fetch = self._fetch
        try:
            if fetch.step():
                self._now = _VERIFYING
                self._set_state("verifying")
        except Exception as e:
            self._fail(_named(e), self.job.module)
            return
        if self._before + fetch.offset >= self._mark:
            self._progress()
        if fetch.wants_link:
            self._want_link()

    def _want_link(self):
        # The answer to the query carries a fresh link; asked again when it stays away.
        waits = self._link_at is not None and not _due(self._link_at, _REPLY_MS)
        if waits or not self._device.connected:
            return
        if self._link_asks == _LINK_ASKS:
            self._fail(AlinkError(errors.EXPIRED, "none offered"), self.job.module)
            return
        log.info("the link expired: asking for a fresh one")
        self._link_asks += 1
        self._link_at = time.ticks_add(time.ticks_ms(), _REPLY_MS)
        self._ask(self.job.module)

    def _progress(self):
        size = self._size
        percent = (self._before + self._fetch.offset) // (size // 100 or 1)
        if percent > 99:
            percent = 99  # 100 is said when it is bootable
        self._mark = (percent + 1) * (size // 100 or 1) if percent < 99 else size + 1
        if self.on_progress is not None:
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
            if not self._part.target.finish():
                return
            if self._index + 1 < len(job.files):
                self._before += job.files[self._index].size
                self._start_file(self._index + 1)
                return
        except Exception as e:
            self._fail(_named(e), job.module)
            return
        if self._part is self._slot:
            self._store()
        else:
            self._install()

    def _install(self):
        # Counted before it is tried: what resets the board in its self-test has failed, too.
        job = self.job
        failed = self._attempts.count(job.key)
        self._attempts.set(job.key, failed + 1)
        self._now = _INSTALLING
        self._set_state("installing")
        try:
            self._part.install(job.version)
        except Exception as e:
            self._fail(_named(e), job.module)
            return
        self._attempts.set(job.key, 0)
        self._fetch.forget()
        self._part.drop()
        hooks.call(self.on_progress, 100)
        self._tell(100, "installed")
        self._modules.again(self._part)
        self._over()

    def _store(self):
        job = self.job
        try:
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
        if self._closing is None:
            # Somebody stopped the installation, with Ctrl-C for instance.
            self._fail(AlinkError(errors.MODULE, "interrupted"), self.job.module)
            return
        done = self._closing.done()
        if self._now == _STORED:
            # "100" decides nothing at the platform: it is not worth waiting for long.
            if done or _due(self._closing_until, _REPLY_MS):
                self._restart()
        elif done:
            self._over()

    def _over(self):
        self._closing = None
        self._now = _IDLE
        self._set_state("idle")

    def _fail(self, error, module):
        log.info("update failed:", error)
        self.error = error
        self._fetch.close()
        if self._now in (_FETCHING, _VERIFYING) and error.step <= -3:
            # The image or the flash is at fault: a lost link or a power cut would not count.
            self._attempts.set(self.job.key, self._attempts.count(self.job.key) + 1)
            self._fetch.forget()
        if self._now != _IDLE:
            self._part.drop()
        self._asked.pop(module, None)
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

    def _ask_when_idle(self):
        if self._now == _IDLE:
            self._ask_soon()

    def _ask_soon(self):
        self._query_at = time.ticks_add(time.ticks_ms(), _QUERY_MS)

    def _feed(self):
        trial.feed()
        if self.feed is None:
            return
        try:
            self.feed()
        except Exception as e:
            # Told once: it is called at every turn.
            if not self._feed_failed:
                self._feed_failed = True
                log.info("feed failed: %s: %s" % (type(e).__name__, e))

    def _set_state(self, state):
        self.state = state
        log.debug("state:", state)
        hooks.call(self.on_state, state)


def _signature_check(sign_key):
    # What looks at the files of each job before anybody else does.
    if sign_key is None:
        return lambda files: None
    from . import signature

    n = signature.load_key(sign_key)
    return lambda files: signature.check(n, files)


def _named(exc):
    # What a target raises that is not alink's (it may be the user's) must not end the main loop.
    if isinstance(exc, AlinkError):
        return exc
    if isinstance(exc, MemoryError):
        return AlinkError(errors.NO_MEMORY)
    return AlinkError(errors.MODULE, "%s: %s" % (type(exc).__name__, exc))


def _due(at, ms):
    # at: ticks, set at most `ms` ahead, or None: never. What seems to lie further ahead than that
    # was due days ago: ticks wrap.
    return at is not None and not 0 < time.ticks_diff(at, time.ticks_ms()) <= ms
