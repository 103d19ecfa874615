# How a run ends: what is told last, and trouble. MIT licence.
#
# Each is a function of the Run (run.py, where the states are told), loaded for it and let go.

import sys

from micropython import const

from .. import log, parts
from ..errors import AlinkError

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

_STARVED = const(12)  # steps that end in Run.starve(); the next one comes after 5 s


def turn(run):
    """What the state is for, where that is done in one piece."""
    state = run.state
    if state == _INSTALLING:
        # Somebody stopped it, with Ctrl-C for instance.
        raise AlinkError(_E_MODULE, "interrupted")
    elif state == _TELLING:
        run.turn("moves", "go", _OVER)
    else:
        _close(run)


def overtaken(run):
    """Another job of this module is offered, so this one was cancelled: it is over.

    What it has come to is not told: a report names no job, and would end the other one.
    """
    run.stale = True
    if run.state == _FAILING:
        run.closing = None  # it may have been told, and is not told again
    elif run.state not in (_TELLING, _STORED, _OVER):
        run.last = AlinkError(_E_OVERTAKEN)  # its next step ends it, when the gate is out of RAM
        fetch = run.fetch
        if fetch is not None:
            run.fetch = None
            run.up.call(fetch.close)


def _close(run):
    # The last report, at QoS 1, and no other.
    if run.stale and run.state == _FAILING:
        run.turn("moves", "go", _OVER)
        return
    last = run.last
    if isinstance(last, AlinkError):
        last = last.step, last.text(128)
    reports = parts.use("reports")
    step, desc = last
    device = run.up.device
    run.closing = reports.Acknowledged(device, reports.step, step, desc, run.module, 1)


def trouble(run, exc):
    """What was raised in a step: the next way for want of memory, else the end."""
    if run.starved == _STARVED:
        # It could not even end, for a minute: it goes on without the application.
        run.starved = 0
        parts.ask("starts", "starved", run.up.error)
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
    run.fetch = run.target = run.block = None
    # First all that the download had goes: what follows is large, too.
    if fetch is not None:
        up.call(fetch.close)
        fetch = None
    if target is not None:
        up.call(target.drop)
        target = None
    parts.drop(
        "job.fetch", "job.https", "job.blocks", "job.slot", "job.slot_begin", "job.slot_rest"
    )
    # (What has the words is large, and so is what writes to NVS.)
    log.info("update failed:", error)
    step = error.step
    parts.ask("job.moves", "end", run, _FAILING, error, "failed")
    if run.held:
        # (By hand: with no memory to load what does it, nothing would ever sign in again.)
        run.held = False
        up.device.resume()
    up.asked.pop(run.module, None)
    if step <= -3 and state in (_FETCHING, _VERIFYING, _VERIFIED):
        # The image or the flash is at fault: a lost link or a power cut would not count.
        nvs = parts.use("nvs")
        store = nvs.Store(nvs.JOURNAL)
        parts.ask("attempts", "more", store, run.job.key)
        parts.ask("job.checkpoint", "clear", store.nvs)
        nvs = store = None
    up.settle()
