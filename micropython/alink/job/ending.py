# How a run ends: stored or installed, or in trouble. MIT licence.
#
# Each is a function of the Run (run.py, where the states are told), loaded for it and let go.

import sys

from micropython import const

from .. import log, parts
from ..errors import AlinkError
from ..nvs import JOURNAL, SETTINGS, Store, hint

_E_LEFT_OUT = const(30)
_E_OVERTAKEN = const(32)
_E_OTHER_SOURCE = const(33)
_E_NO_MEMORY = const(84)
_E_MODULE = const(98)

_NEW = const(0)
_FETCHING = const(1)
_VERIFYING = const(2)
_INSTALLING = const(3)
_TELLING = const(4)
_STORED = const(5)
_FAILING = const(6)
_OVER = const(7)
_VERIFIED = const(8)
_BEGINNING = const(9)

_ALONE = const(3)

_BLOCK = const(4096)


def turn(run):
    """What the state is for, where that is done in one piece."""
    state = run.state
    if state == _VERIFIED:
        _verified(run)
    elif state == _INSTALLING:
        # Somebody stopped it, with Ctrl-C for instance.
        raise AlinkError(_E_MODULE, "interrupted")
    elif state == _TELLING:
        run.go(_OVER)
    else:
        _close(run)


def _verified(run):
    # The target has taken the file: the next one, or the end.
    job = run.job
    if run.index + 1 < len(job.files):
        run.before += job.files[run.index].size
        run.turn("starting", "start_file", run.index + 1)
    elif run.part is None:
        _store(run)
    else:
        _install(run)


def _install(run):
    # Counted before it is tried: what resets the board in its self-test has failed, too.
    up = run.up
    part = run.part
    version = run.job.version
    parts.ask("attempts", "more", Store(JOURNAL), run.job.key)
    run.go(_INSTALLING)
    up.set_state("installing")
    part.install(version)
    parts.ask("attempts", "put", Store(JOURNAL), run.job.key, 0)
    hint(Store(JOURNAL).erase, "begun")
    parts.ask("job.checkpoint", "clear", run.fetch.nvs)
    run.target.drop()
    up.call(up.on_progress, 100)
    parts.ask("job.progress", "tell", run, 100, "installed")
    run.go(_TELLING)
    parts.use("hello").say(up, version, part.name)


def _store(run):
    up = run.up
    job = run.job
    image = job.files[0]
    size, method, digest = run.target.holds or (image.size, image.method, image.digest)
    store = Store(JOURNAL)
    # Without it an interruption could not be told from a failure.
    found = {
        "version": job.version,
        "from_version": up.version,
        "slot": run.target.label,
        "size": size,
        "method": method,
        "digest": "".join(["%02x" % byte for byte in digest]),
        "key": job.key,
        "module": job.module,
        "attempts": parts.ask("attempts", "count", store, job.key),
        "power": 0,
        "no_link": 0,
    }
    hint(Store(SETTINGS).erase, "dev")  # what is installed is to run, not /dev_app
    try:
        parts.ask("record", "boot_next", store, found, run.target)
    except AlinkError:
        parts.ask("record", "clear", store)
        raise
    parts.ask("job.checkpoint", "clear", store.nvs)
    hint(store.erase, "alone_n", "alone")
    log.info("version %s is stored and boots next, on trial" % job.version)
    said = "stored, restarting"
    written = run.target.written
    if written is not None:
        blocks = (size + _BLOCK - 1) // _BLOCK
        said = "stored, %d of %d blocks written, restarting" % (written, blocks)
    log.info(said)
    up.call(up.on_progress, 100)
    parts.ask("job.states", "end", run, _STORED, (100, said), "restarting")


def overtaken(run):
    """Another job of this module is offered, so this one was cancelled: it is over.

    What it has come to is not told: a report names no job, and would end the other one.
    """
    run.stale = True
    if run.state == _FAILING:
        run.closing = None  # it may have been told, and is not told again
    elif run.state not in (_TELLING, _STORED, _OVER):
        fail(run, AlinkError(_E_OVERTAKEN))


def _close(run):
    # The last report, at QoS 1, and no other.
    if run.stale and run.state == _FAILING:
        run.go(_OVER)
        return
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
        if log.level:
            sys.print_exception(exc)
        error = AlinkError(_E_MODULE, "%s: %s" % (type(exc).__name__, exc))
    exc = None
    if error.code == _E_OTHER_SOURCE:
        error.detail = "%s runs, it is %s" % (run.up.version, error.detail)
    if (
        error.code == _E_NO_MEMORY
        and run.state in (_NEW, _FETCHING, _BEGINNING, _VERIFYING, _VERIFIED)
        and 0 < run.way < _ALONE
    ):
        log.info("update not taken this way:", error)
        if run.fetch is not None:
            run.fetch.close()
        try:
            run.turn("starting", "try_way", run.way)
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
    parts.ask("job.states", "end", run, _FAILING, error, "failed")
    log.info("update failed:", error)
    if run.held:
        # (By hand: with no memory to load what does it, nothing would ever sign in again.)
        run.held = False
        up.device.resume()
    up.asked.pop(run.module, None)
    try:
        if fetch is not None:
            up.call(fetch.close)
        if error.step <= -3 and state in (_FETCHING, _VERIFYING, _VERIFIED):
            # The image or the flash is at fault: a lost link or a power cut would not count.
            store = Store(JOURNAL)
            parts.ask("attempts", "more", store, run.job.key)
            parts.ask("job.checkpoint", "clear", store.nvs)
    finally:
        if target is not None:
            up.call(target.drop)
