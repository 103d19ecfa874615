# The turns of a run: how it begins, changes over, ends. MIT licence.
#
# Each is a function of the Run (run.py, where the states are told), loaded for it and let go.

import time

from micropython import const

from .. import log, parts
from ..errors import AlinkError
from ..nvs import JOURNAL, SETTINGS, Store, hint

_E_LEFT_OUT = const(30)
_E_EXPIRED = const(45)
_E_NO_MEMORY = const(84)
_E_MODULE = const(98)

_FETCHING = const(1)
_VERIFYING = const(2)
_INSTALLING = const(3)
_TELLING = const(4)
_STORED = const(5)
_FAILING = const(6)
_VERIFIED = const(8)

_ALONE = const(3)

_REPLY_MS = const(30000)  # for the answer to a query, and for "100" to be taken
_LINK_ASKS = const(3)  # queries for a fresh link before the download is given up


def start(run):
    """Choose the way and begin the download."""
    up = run.up
    job = run.job
    version = up.version
    if run.part is None:
        hint(Store(SETTINGS).erase, "dev")  # what is installed is to run, not /dev_app
    else:
        version = run.part.version
    log.info("update %s -> %s, %d bytes" % (version, job.version, job.size))
    _try_way(run, 0)


def _try_way(run, failed):
    # The first way, or the next one: `failed` had too little memory.
    up = run.up
    run.fetch = run.target = None
    run.way = 0  # no way is another's next while one is looked for
    way = parts.ask("job.ways", "choose", up, run.job, failed)
    if way == _ALONE:
        parts.ask("job.ways", "leave", run.job)
        _end(run, _STORED, (1, "restarting to download alone"))
        return
    run.way = way
    run.target = up.options[1] if run.part is None else run.part.target
    if run.target is None:
        run.target = parts.use("job.slot").Slot()
    run.fetch = parts.use("job.download").Download(Store(JOURNAL), up.options[6])
    _start_file(run, run.index)
    run.tell(max(run.told, 1), "downloading, " + ((way == 1 and "beside") or "in turn"))


def _start_file(run, index):
    job = run.job
    file = job.files[index]
    if run.part is not None or len(job.files) > 1:
        run.target.take(job.version, index, file.name, len(job.files))
    run.fetch.start(file, job.key, _source(run, file), run.target)
    run.index = index
    run.asked = None
    run.asks = run.mark = 0
    run.go(_FETCHING)
    run.up.set_state("downloading")


def _source(run, file):
    up = run.up
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


def _take(config, fetch, *names):
    # What the application has set of a source's settings.
    for name in names:
        if fetch and name in fetch:
            config[name] = fetch[name]


def renew(run, job):
    """The job under way, offered once more: its link may be fresh, or of another kind."""
    run.asked = None
    run.asks = 0
    file = job.files[run.index]
    if (run.job.files[run.index].stream is None) == (file.stream is None):
        run.fetch.link = file
        return
    run.fetch.close()
    run.target.drop()
    run.job = run.up.job = job
    run.index = run.before = 0
    _try_way(run, 0)


def want_link(run):
    """The link has expired: the answer to the query carries a fresh one; asked again when late."""
    if run.asked is not None and 0 < time.ticks_diff(run.asked, time.ticks_ms()) <= _REPLY_MS:
        return
    if run.asks == _LINK_ASKS:
        raise AlinkError(_E_EXPIRED, "none offered")
    log.info("the link expired: asking for a fresh one")
    run.asks += 1
    run.asked = time.ticks_add(time.ticks_ms(), _REPLY_MS)
    up = run.up
    try:
        up.asked[run.module] = parts.ask("reports", "query", up.device, run.module)
    except AlinkError as e:
        log.debug("query not sent:", e)


def fetched(run):
    """All bytes of a file are in the target."""
    run.go(_VERIFYING)
    _release(run)
    run.up.set_state("verifying")


def _release(run):
    if run.held:
        run.held = False
        run.up.device.resume()


def verified(run):
    """The target has taken the file: the next one, or the end."""
    job = run.job
    if run.index + 1 < len(job.files):
        run.before += job.files[run.index].size
        _start_file(run, run.index + 1)
    elif run.part is None:
        _store(run)
    else:
        _install(run)


def _install(run):
    # Counted before it is tried: what resets the board in its self-test has failed, too.
    up = run.up
    part = run.part
    version = run.job.version
    _count(run, 1)
    run.go(_INSTALLING)
    up.set_state("installing")
    part.install(version)
    _count(run, 0)
    run.fetch.forget()
    run.target.drop()
    up.call(up.on_progress, 100)
    run.tell(100, "installed")
    run.go(_TELLING)
    parts.use("hello").say(up, version, part.name)


def interrupted(run):
    """Somebody stopped the installation, with Ctrl-C for instance."""
    raise AlinkError(_E_MODULE, "interrupted")


def _store(run):
    up = run.up
    job = run.job
    image = job.files[0]
    store = Store(JOURNAL)
    # Without it an interruption could not be told from a failure.
    found = {
        "version": job.version,
        "from_version": up.version,
        "slot": run.target.label,
        "size": image.size,
        "method": image.method,
        "digest": "".join(["%02x" % byte for byte in image.digest]),
        "key": job.key,
        "module": job.module,
        "attempts": parts.ask("attempts", "count", store, job.key),
        "power": 0,
        "no_link": 0,
    }
    # The buffers, and what has filled them: the rest wants memory, too.
    run.fetch.close()
    run.fetch = None
    parts.drop("job.download", "job.blocks", "job.stream")
    try:
        parts.ask("record", "save", store, found)
        run.target.activate()
    except AlinkError:
        parts.ask("record", "clear", store)
        raise
    parts.ask("job.checkpoint", "clear", store)
    hint(store.erase, "alone_n", "alone")
    log.info("version %s is stored and boots next, on trial" % job.version)
    up.call(up.on_progress, 100)
    _end(run, _STORED, (100, "stored, restarting"))


def _end(run, state, last):
    # What is left is to say so.
    run.go(state)
    run.last = last
    run.at = time.ticks_add(time.ticks_ms(), _REPLY_MS)
    run.up.set_state("failed" if state == _FAILING else "restarting")


def close(run):
    """The last report, at QoS 1, and no other."""
    last = run.last
    if isinstance(last, AlinkError):
        last = last.step, last.desc()
    reports = parts.use("reports")
    step, desc = last
    device = run.up.device
    run.closing = reports.Acknowledged(device, reports.step, step, desc, run.module, 1)


def trouble(run, exc):
    """What was raised in a step: the next way for want of memory, else the end."""
    # What a target raises that is not alink's (it may be the user's) does not end the main loop.
    if isinstance(exc, AlinkError):
        error = exc
    elif isinstance(exc, MemoryError):
        error = AlinkError(_E_NO_MEMORY, "in a step of the update")
    elif isinstance(exc, ImportError):
        error = AlinkError(_E_LEFT_OUT, str(exc))
    else:
        error = AlinkError(_E_MODULE, "%s: %s" % (type(exc).__name__, exc))
    exc = None
    if error.code == _E_NO_MEMORY and run.state <= _FETCHING and 0 < run.way < _ALONE:
        log.info("update not taken this way:", error)
        if run.fetch is not None:
            run.fetch.close()
        try:
            _try_way(run, run.way)
            return
        except Exception as e:
            # The first reason is the better one, unless there was no way left.
            if isinstance(e, AlinkError):
                error = e
    fail(run, error)


def fail(run, error):
    """End it with `error` (AlinkError), which the platform is told."""
    up = run.up
    state = run.state
    fetch = run.fetch
    target = run.target
    up.error = error
    run.fetch = run.target = None
    _end(run, _FAILING, error)
    log.info("update failed:", error)
    _release(run)
    up.asked.pop(run.module, None)
    try:
        if fetch is not None:
            fetch.close()
        if error.step <= -3 and state in (_FETCHING, _VERIFYING, _VERIFIED):
            # The image or the flash is at fault: a lost link or a power cut would not count.
            _count(run, 1)
            parts.ask("job.checkpoint", "clear", Store(JOURNAL))
    finally:
        if target is not None:
            target.drop()


def _count(run, more):
    # One more failed attempt of this job; 0: it is forgotten.
    store = Store(JOURNAL)
    key = run.job.key
    parts.ask(
        "attempts", "put", store, key, more and parts.ask("attempts", "count", store, key) + 1
    )
