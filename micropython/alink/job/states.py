# What is done once in the states of a run (moves.py has them). MIT licence.
#
# Functions of the Run (run.py), loaded for a moment and let go.

from micropython import const

from .. import parts
from ..errors import AlinkError

_E_LEFT_OUT = const(30)

_VERIFYING = const(2)  # see moves.py
_VERIFIED = const(8)
_HELD = const(2)  # see device.py
_SHORT = const(100)  # characters of a query that are not worth it


def begin(run):
    """Make the buffers, before anything is opened."""
    if run.fetch is None:
        run.fetch = parts.use("job.fetch").Download(parts.journal, run.up.options[6], run.block)
        run.block = None


def _source(run):
    up = run.up
    source, _, ca, allow_http, block_size, _, fetch = up.options[:7]
    if source is not None:
        return source
    if run.job.files[run.index].stream is None:
        config = {"ca": ca, "allow_http": allow_http, "on_feed": up.feed_all}
        _take(config, fetch, "connect_timeout_ms", "head_timeout_ms", "stall_timeout_ms")
        return parts.use("job.https").Source(**config)
    parts.release()
    parts.reserve = None
    config = {"block_size": block_size}
    _take(config, fetch, "gap_ms", "reply_timeout_ms")
    try:
        blocks = parts.use("job.blocks")
    except ImportError:
        raise AlinkError(_E_LEFT_OUT, "blocks") from None
    return blocks.MqttSource(up.device, **config)


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
    shelve(run)
    # (As checkpoint.stall(), which is not loaded now.)
    config = source.config
    download.stall = 0x1FFFFFFF
    if config is not None:
        source._into = download
        download.stall = config.get("stall_timeout_ms", 20000)


def shelve(run):
    """A link has 700 characters and more, and is wanted when a connection is opened: meanwhile
    what is behind its question mark is in NVS alone (http_link.py reads it there).
    """
    if run.up.options[0] is not None or run.part is not None:
        return
    file = run.job.files[run.index]
    link = file.url
    end = 0 if link is None else link.find("?") + 1
    if 0 < end < len(link) - _SHORT:
        try:
            nvs = parts.journal
            nvs.set_blob("link", link)
            nvs.commit()
            file.url = link[:end]
        except OSError:
            pass  # it stays here


def fetched(run):
    """All of a file has come; with the last one of an image its block alone is still wanted."""
    run.turn("moves", "go", _VERIFYING)
    if _is_whole(run):
        run.fetch = None
        if run.up.options[1] is None:
            run.target.spare = None
        parts.drop(
            "job.https",
            "job.fetch",
            "job.moving",
            "job.blocks",
            "job.unpack",
        )
    release(run)
    run.up.set_state("verifying")


def verified(run):
    """The target has all of a file; with the last one of an image its block goes."""
    run.turn("moves", "go", _VERIFIED)
    if _is_whole(run) and run.up.options[1] is None:
        run.target.block = None


def sign_off(run, held):
    """Off the line (True) for as long as the download has one of its own."""
    run.held = held
    device = run.up.device
    if held:
        device._drop(True)
        device._off |= _HELD
    else:
        device.resume()


def release(run):
    """MQTT may sign in again."""
    if run.held:
        run.held = False
        run.up.device.resume()


def _is_whole(run):
    return run.part is None and run.index + 1 == len(run.job.files)
