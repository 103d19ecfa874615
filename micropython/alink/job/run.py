# Run: one job, from its beginning to its end, one bounded step at a time. MIT licence.
#
# What one phase alone needs is loaded for it and let go again. RAM: the Download with its buffers,
# the source and the target.

import time

from micropython import const

from .. import log, parts, reports
from ..errors import AlinkError
from ..nvs import JOURNAL, SETTINGS, Store, hint

_E_LEFT_OUT = const(30)
_E_EXPIRED = const(45)
_E_NO_MEMORY = const(84)
_E_MODULE = const(98)

# States.
_NEW = const(0)
_FETCHING = const(1)
_VERIFYING = const(2)
_INSTALLING = const(3)  # a module other than the slot is tried
_TELLING = const(4)  # its last report is on its way
_STORED = const(5)  # bootable: "100" is on its way
_FAILING = const(6)  # the negative step is on its way
_OVER = const(7)

# From each, the states that may follow, as bits.
_MOVES = (
    1 << _FETCHING | 1 << _FAILING | 1 << _STORED,  # STORED: it is left to the next start
    1 << _FETCHING | 1 << _VERIFYING | 1 << _FAILING | 1 << _STORED,
    1 << _FETCHING | 1 << _INSTALLING | 1 << _STORED | 1 << _FAILING,
    1 << _TELLING | 1 << _FAILING,
    1 << _OVER,
    1 << _OVER | 1 << _FAILING,
    1 << _OVER,
    0,
)

_BESIDE = const(1)
_IN_TURN = const(2)
_ALONE = const(3)

_REPLY_MS = const(30000)  # for the answer to a query, and for "100" to be taken
_LINK_ASKS = const(3)  # queries for a fresh link before the download is given up
_STEP_MS = const(1000)  # progress at most once a second
_STEP_PERCENT = const(5)


class Run:
    """The work on one job; over when step() returns True.

    up: Updater. job: Job, or None for one that could not even be read. part: modules.Module, or
    None for the slot. module: str, its name. Attributes: fetching (bool, renew() is welcome),
    checking (False: see again.py), fetch (the Download, or None).
    """

    checking = False

    def __init__(self, up, job, part, module):
        self.up = up
        self.job = job
        self.fetching = False
        self._part = part
        self._module = module
        self._state = _NEW
        self._way = 0
        self._held = False  # MQTT is signed off
        self.fetch = self._target = None
        self._index = 0  # of the job's file that is being fetched
        self._before = 0  # bytes of the files before it
        self._mark = 0  # bytes at which the percentage changes
        self._told = 0  # percent, the last time
        self._told_at = time.ticks_ms()
        self._link_at = None  # when a fresh link was asked for
        self._link_asks = 0
        self._closing = None  # the last report

    def _go(self, state):
        if not _MOVES[self._state] >> state & 1:
            raise RuntimeError("a run cannot go from %d to %d" % (self._state, state))
        self._state = state
        self.fetching = state == _FETCHING

    def begin(self):
        """Start the download. Raises nothing."""
        up = self.up
        job = self.job
        if self._part is None:
            hint(Store(SETTINGS).erase, "dev")  # what is installed is to run, not /dev_app
        version = up.version if self._part is None else self._part.version
        log.info("update %s -> %s, %d bytes" % (version, job.version, job.size))
        self._try_way(0)

    def _try_way(self, failed):
        # The first way, or the next one: `failed` had too little memory.
        up = self.up
        self.fetch = self._target = None
        try:
            ways = parts.use("job.ways")
            self._way = ways.choose(up, self.job, up.device.secure, failed)
            name = ways.NAMES[self._way]
            if self._way == _ALONE:
                ways.leave(self.job)
            ways = None
            parts.drop("job.ways")
            if self._way == _ALONE:
                self._close(_STORED, 1, "restarting to download alone")
                return
            self._target = up.options[1] if self._part is None else self._part.target
            if self._target is None:
                self._target = parts.use("job.slot").Slot()
            self.fetch = parts.use("job.download").Download(Store(JOURNAL), up.options[6])
            self._start_file(self._index)
            self._tell(max(self._told, 1), "downloading, " + name)
        except Exception as e:
            self._trouble(e)

    def _start_file(self, index):
        job = self.job
        file = job.files[index]
        if self._part is not None or len(job.files) > 1:
            self._target.take(job.version, index, file.name, len(job.files))
        self.fetch.start(file, job.key, self._source(file), self._target)
        self._index = index
        self._link_at = None
        self._link_asks = 0
        self._mark = 0
        self._go(_FETCHING)
        self.up.set_state("downloading")

    def _source(self, file):
        up = self.up
        source, _, ca, allow_http, block_size, _, fetch, _ = up.options
        if source is not None:
            return source
        if file.stream is None:
            config = {"ca": ca, "allow_http": allow_http, "on_feed": up.feed_all}
            _take(config, fetch, "connect_timeout_ms", "head_timeout_ms", "stall_timeout_ms")
            return parts.use("job.download").Source(**config)
        config = {"block_size": block_size}
        _take(config, fetch, "gap_ms", "reply_timeout_ms")
        return parts.use("job.blocks").MqttSource(up.device, **config)

    def renew(self, job):
        """The job under way, offered once more: its link may be fresh, or of another kind."""
        self._link_at = None
        self._link_asks = 0
        mine = self.job.files[self._index]
        if (mine.stream is None) == (job.files[self._index].stream is None):
            self.fetch.link = job.files[self._index]
            return
        self.fetch.close()
        self._target.drop()
        self.job = self.up.job = job
        self._index = self._before = 0
        self._try_way(0)

    def step(self):
        """Do the next bounded thing; True when the run is over. Raises nothing but Ctrl-C."""
        try:
            state = self._state
            if state == _FETCHING:
                self._download_step()
            elif state == _VERIFYING:
                self._verify_step()
            else:
                self._closing_step()
        except Exception as e:
            self._trouble(e)
        return self._state == _OVER

    def _download_step(self):
        fetch = self.fetch
        device = self.up.device
        wanting = fetch.waits == "link"
        if self._way == _IN_TURN and self._held == wanting:
            # Off the line for as long as the download has one of its own.
            self._held = not wanting
            device.hold() if self._held else device.resume()
        if fetch.step():
            self._go(_VERIFYING)
            self._release()
            self.up.set_state("verifying")
            return
        if self._before + fetch.offset >= self._mark:
            self._progress()
        if wanting:
            self._want_link()

    def _release(self):
        if self._held:
            self._held = False
            self.up.device.resume()

    def _want_link(self):
        # The answer to the query carries a fresh link; asked again when it stays away.
        device = self.up.device
        if not device.connected or (
            self._link_at is not None
            and 0 < time.ticks_diff(self._link_at, time.ticks_ms()) <= _REPLY_MS
        ):
            return
        if self._link_asks == _LINK_ASKS:
            raise AlinkError(_E_EXPIRED, "none offered")
        log.info("the link expired: asking for a fresh one")
        self._link_asks += 1
        self._link_at = time.ticks_add(time.ticks_ms(), _REPLY_MS)
        try:
            self.up.asked[self._module] = reports.query(device, self._module)
        except AlinkError as e:
            log.debug("query not sent:", e)

    def _progress(self):
        done = self._before + self.fetch.offset
        one = self.job.size // 100 or 1
        percent = min(done // one, 99)  # 100 is said when it is bootable
        self._mark = (percent + 1) * one if percent < 99 else self.job.size + 1
        self.up.call(self.up.on_progress, percent)
        now = time.ticks_ms()
        if (
            percent >= self._told + _STEP_PERCENT
            and time.ticks_diff(now, self._told_at) >= _STEP_MS
        ):
            self._told = percent - percent % _STEP_PERCENT
            self._told_at = now
            self._tell(self._told, "downloading")

    def _verify_step(self):
        job = self.job
        if not self._target.finish():
            return
        if self._index + 1 < len(job.files):
            self._before += job.files[self._index].size
            self._start_file(self._index + 1)
        elif self._part is None:
            self._store()
        else:
            self._install()

    def _install(self):
        # Counted before it is tried: what resets the board in its self-test has failed, too.
        part = self._part
        version = self.job.version
        self._count(1)
        self._go(_INSTALLING)
        self.up.set_state("installing")
        part.install(version)
        self._count(0)
        self.fetch.forget()
        self._target.drop()
        self.up.call(self.up.on_progress, 100)
        self._tell(100, "installed")
        self._go(_TELLING)
        parts.use("hello").say(self.up, version, part.name)

    def _store(self):
        up = self.up
        job = self.job
        image = job.files[0]
        record = parts.use("record")
        store = Store(JOURNAL)
        try:
            # Without it an interruption could not be told from a failure.
            found = {
                "version": job.version,
                "from_version": up.version,
                "slot": self._target.label,
                "size": image.size,
                "method": image.method,
                "digest": "".join(["%02x" % byte for byte in image.digest]),
                "key": job.key,
                "module": job.module,
                "attempts": parts.use("attempts").Attempts(store).count(job.key),
                "power": 0,
                "no_link": 0,
            }
            record.save(store, found)
            self._target.activate()
        except AlinkError:
            record.clear(store)
            raise
        self.fetch.forget()
        hint(store.erase, "alone_n", "alone")
        log.info("version %s is stored and boots next, on trial" % job.version)
        up.call(up.on_progress, 100)
        self._close(_STORED, 100, "stored, restarting")

    def _close(self, state, step, desc):
        # The last report, at QoS 1. "100" decides nothing at the platform: not waited for long.
        self._go(state)
        device = self.up.device
        self._closing = reports.Acknowledged(device, reports.step, step, desc, self._module, 1)
        self._link_at = time.ticks_add(time.ticks_ms(), _REPLY_MS)
        self.up.set_state("failed" if state == _FAILING else "restarting")

    def _closing_step(self):
        state = self._state
        if state == _INSTALLING:
            # Somebody stopped the installation, with Ctrl-C for instance.
            raise AlinkError(_E_MODULE, "interrupted")
        if state == _TELLING:
            self._go(_OVER)
            return
        done = self._closing.done()
        if state == _STORED:
            if done or not 0 < time.ticks_diff(self._link_at, time.ticks_ms()) <= _REPLY_MS:
                parts.use("job.restart").restart(self.up)
                self._go(_OVER)
        elif done:
            self._go(_OVER)

    def _trouble(self, exc):
        # What a target raises that is not alink's (it may be the user's) does not end the main
        # loop.
        if isinstance(exc, AlinkError):
            error = exc
        elif isinstance(exc, MemoryError):
            error = AlinkError(_E_NO_MEMORY, "in a step of the update")
        elif isinstance(exc, ImportError):
            error = AlinkError(_E_LEFT_OUT, str(exc))
        else:
            error = AlinkError(_E_MODULE, "%s: %s" % (type(exc).__name__, exc))
        exc = None
        if error.code == _E_NO_MEMORY and self._state <= _FETCHING and 0 < self._way < _ALONE:
            log.info("update not taken this way:", error)
            if self.fetch is not None:
                self.fetch.close()
            self._try_way(self._way)
        else:
            self.fail(error)

    def fail(self, error):
        """End it with `error` (AlinkError), which the platform is told."""
        up = self.up
        log.info("update failed:", error)
        up.error = error
        if self.fetch is not None:
            self.fetch.close()
            if error.step <= -3 and self._state in (_FETCHING, _VERIFYING):
                # The image or the flash is at fault: a lost link or a power cut would not count.
                self._count(1)
                self.fetch.forget()
        if self._target is not None:
            self._target.drop()
        self.fetch = self._target = None
        self._release()
        up.asked.pop(self._module, None)
        self._close(_FAILING, error.step, error.desc())

    def _count(self, more):
        # One more failed attempt of this job; 0: it is forgotten.
        attempts = parts.use("attempts").Attempts(Store(JOURNAL))
        attempts.set(self.job.key, attempts.count(self.job.key) + 1 if more else 0)

    def _tell(self, step, desc):
        device = self.up.device
        if device.connected:
            try:
                reports.step(device, step, desc, self._module)
            except AlinkError as e:
                log.debug("progress not sent:", e)


def _take(config, fetch, *names):
    # What the application has set of a source's settings.
    for name in names:
        if fetch and name in fetch:
            config[name] = fetch[name]
