# The states of a run, the legal moves between them, and what is done once in each. MIT licence.
#
# Functions of the Run (run.py), loaded for a moment and let go.

import time

import esp32
from micropython import const

from .. import parts

# For run.py, starting.py and ending.py too.
_NEW = const(0)
_FETCHING = const(1)
_VERIFYING = const(2)
_INSTALLING = const(3)  # a module other than the slot is tried
_TELLING = const(4)  # its last report is on its way
_STORED = const(5)  # bootable, or left to the next start: the last report is on its way
_FAILING = const(6)  # the negative step is on its way
_OVER = const(7)
_VERIFIED = const(8)  # the target has all of a file
_BEGINNING = const(9)  # all is ready for the next file

# From each, the states that may follow, as bits.
MOVES = (
    1 << _BEGINNING | 1 << _STORED | 1 << _FAILING,
    1 << _BEGINNING | 1 << _VERIFYING | 1 << _STORED | 1 << _FAILING,
    1 << _VERIFIED | 1 << _BEGINNING | 1 << _STORED | 1 << _FAILING,
    1 << _TELLING | 1 << _FAILING,
    1 << _OVER,
    1 << _OVER | 1 << _FAILING,
    1 << _OVER,
    0,
    1 << _BEGINNING | 1 << _INSTALLING | 1 << _STORED | 1 << _FAILING,
    1 << _BEGINNING | 1 << _FETCHING | 1 << _STORED | 1 << _FAILING,
)

_REPLY_MS = const(30000)  # for the last report to be taken


def go(run, state):
    """To another state. Raises RuntimeError where that is no legal move."""
    if not MOVES[run.state] >> state & 1:
        raise RuntimeError("a run cannot go from %d to %d" % (run.state, state))
    run.state = state
    run.fetching = state == _FETCHING


def end(run, state, last, said):
    """Nothing is left but to say `last`: (step, desc), or an AlinkError. said: the state."""
    if run.state != _NEW:
        nvs = parts.use("nvs")
        nvs.hint(nvs.Store(nvs.JOURNAL).erase, "begun")  # no reset has ended it: see attempts.py
    run.go(state)
    run.last = last
    run.block = None
    run.at = time.ticks_add(time.ticks_ms(), _REPLY_MS)
    run.up.set_state(said)


def begin(run):
    """Make the buffers, before anything is opened."""
    if run.fetch is None:
        nvs = esp32.NVS("alink_ota")
        run.fetch = parts.use("job.download").Download(nvs, run.up.options[6], run.block)


def _source(run):
    up = run.up
    source, _, ca, allow_http, block_size, _, fetch = up.options[:7]
    if source is not None:
        return source
    if run.job.files[run.index].stream is None:
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


def begun(run):
    """The download of a file has begun: all it wants now is its source."""
    download = run.fetch
    download.source = source = _source(run)
    source.block = download.block
    download.stall = source.config.get("stall_timeout_ms", 20000)
    run.go(_FETCHING)
    run.up.set_state("downloading")
    if run.said:
        parts.ask("job.progress", "tell", run, max(run.told, 1), run.said)
        run.said = ""


def fetched(run):
    """All of a file has come; with the last one of an image its block alone is still wanted."""
    run.go(_VERIFYING)
    if _is_whole(run):
        run.fetch = None
        if run.up.options[1] is None:
            run.target.views = run.target.spare = None
        parts.drop(
            "job.download",
            "job.moving",
            "job.blocks",
            "job.stream",
            "job.unpack",
            "job.patch",
        )
    release(run)
    run.up.set_state("verifying")


def verified(run):
    """The target has all of a file; with the last one of an image its block goes."""
    run.go(_VERIFIED)
    if _is_whole(run):
        run.block = None
        if run.up.options[1] is None:
            run.target.block = None


def release(run):
    """MQTT may sign in again."""
    if run.held:
        run.held = False
        run.up.device.resume()


def _is_whole(run):
    return run.part is None and run.index + 1 == len(run.job.files)
