# What becomes of a download in trouble: another try, a fresh link, or the end. MIT licence.
#
# Loaded on trouble only.

import time

from micropython import const

from .. import log, parts
from ..errors import AlinkError

_E_CLOCK = const(2)
_E_LINK = const(5)
_E_TIMEOUT = const(7)
_E_HTTP_STATUS = const(40)
_E_HTTP_HEAD = const(41)
_E_HTTP_LENGTH = const(42)
_E_HTTP_REDIRECT = const(43)
_E_HTTP_CHUNKED = const(44)
_E_EXPIRED = const(45)
_E_DOWNLOAD = const(46)
_E_BLOCK = const(47)
_E_BLOCK_REFUSED = const(48)
_E_NO_MEMORY = const(84)

# What another try may mend. Everything else is final: the next try would meet it again. (Want of
# memory is for the run, which has other ways.)
_TRANSIENT = (
    _E_LINK,
    _E_TIMEOUT,
    _E_HTTP_STATUS,
    _E_HTTP_HEAD,
    _E_HTTP_LENGTH,
    _E_CLOCK,
    _E_BLOCK,
    _E_BLOCK_REFUSED,
)

# Without TLS anybody on the way may have said it.
_ANYBODYS = (_E_HTTP_REDIRECT, _E_HTTP_CHUNKED)

_OWN = (_E_CLOCK, _E_HTTP_LENGTH, _E_HTTP_REDIRECT, _E_HTTP_CHUNKED)

_RECALL = const(2)
_PAUSE = const(3)
_LINK = const(4)

_BLOCK = const(4096)
_BLOCK_MAX = const(131072)  # of a download over MQTT ("OTA updates", 89307)

# tries: failures in a row without a byte of progress before it gives up. retry_min_ms and
# retry_max_ms: the pause between them, doubled each time. deadline_ms: for all of it. fresh_links:
# how often an expired link may be replaced. The others are for the sources.
_CONFIG = (
    "tries",
    "retry_min_ms",
    "retry_max_ms",
    "deadline_ms",
    "fresh_links",
    "connect_timeout_ms",
    "head_timeout_ms",
    "stall_timeout_ms",
    "gap_ms",
    "reply_timeout_ms",
)


def check(config, block_size=_BLOCK):
    """Raise TypeError or ValueError for settings of a download that cannot be.

    config: dict for Download and Source, or None. block_size: int, bytes to ask for at once over
    MQTT.
    """
    for name in config or ():
        if name not in _CONFIG:
            raise TypeError("fetch: there is no %s" % name)
    good = isinstance(block_size, int) and _BLOCK <= block_size <= _BLOCK_MAX
    if not good or block_size % _BLOCK:
        raise ValueError(
            "block_size must be a multiple of %d (whole flash blocks), at most %d"
            % (_BLOCK, _BLOCK_MAX)
        )


def broken(download, what):
    """Why nothing comes any more -> AlinkError.

    what: what reading the stream has raised, 0 for its end, else it has waited too long.
    """
    code = _E_LINK
    missing = download.size - download.offset - download.at - download.ring.any()
    if what == 0:
        said = "closed %d bytes early" % missing
    elif isinstance(what, Exception):
        named = parts.ask("faults", "named", what, "reading")
        if named.code == _E_NO_MEMORY:
            return named
        said = "connection broken: " + named.detail
    elif time.ticks_diff(download.stop, time.ticks_ms()) < 0:
        code = _E_DOWNLOAD
        said = "took too long, the server dribbles"
    else:
        code = _E_TIMEOUT
        said = "no data for %d ms" % download.stall
        tight = parts.ask("idf", "tight")
        if tight is not None:
            return AlinkError(_E_NO_MEMORY, said + ", no room for any; " + tight)
    if download.file.url is not None:
        said += " (%s)" % parts.ask("job.http_link", "shown", download.file.url)
    return AlinkError(code, said)


def trouble(download, error):
    """One failure (AlinkError) of `download`: raise it if it is final, else say what is next."""
    code = error.code
    if download.state == _RECALL:
        parts.ask("job.checkpoint", "restart", download, error)
        return
    source = download.source
    source.close()
    log.info("download stopped at byte %d: %s" % (download.offset, error))
    if code == _E_EXPIRED and download.links:
        download.links -= 1
        download.link = None
        if not source.unvouched:
            _rest(download)
        download.waits = "link"
        download.state = _LINK
        return
    # Of the bytes that are damaged, those that are in the target: what has come of the next piece
    # is lost in any case.
    damaged = 0
    unvouched = source.unvouched
    if unvouched:
        ring = download.ring
        damaged = max(unvouched - download.at - (ring.any() if ring else 0), 0)
        source.unvouched = download.at = 0  # what comes next knows nothing of them
    _rest(download)
    if download.offset - damaged != download.seen:
        download.seen = download.offset - damaged
        download.failed = 0
    download.failed += 1
    if parts.ask("clock", "doubted", error):
        code = _E_CLOCK  # it was wrong: now it may be right
    # A package acts on what has come of a block over MQTT before its CRC has: wrong is only what
    # is wrong a second time.
    early = code not in _TRANSIENT and unvouched and download.packed is not None
    if early and download.doubt != error.detail:
        download.doubt = error.detail
        code = _E_BLOCK
    pause = -1
    if code in _TRANSIENT or (code in _ANYBODYS and (download.file.url or "").startswith("http:")):
        config = download.config or {}
        if download.failed < config.get("tries", 8):
            first = config.get("retry_min_ms", 2000)
            longest = config.get("retry_max_ms", 60000)
            pause = parts.ask("backoff", "pause_ms", first, longest, download.failed - 1)
        if pause < 0:
            # (Unless it is nothing of the network's, and its own advice is right.)
            if code not in _OWN and not _lasting(error):
                error = AlinkError(_E_DOWNLOAD, _reason(error))
        elif time.ticks_diff(download.stop, time.ticks_ms()) < 0:
            pause = -1
            error = AlinkError(_E_DOWNLOAD, "took too long, " + _reason(error))
    if pause < 0:
        download.close()
        raise error
    if damaged:
        # No digest can be turned back: what lies before the damage is hashed again, out of the
        # target; all of it is fetched again where it cannot be read back.
        again = download.target.label is None or download.packed is not None
        recall = 0 if again else (download.offset - damaged) // _BLOCK * _BLOCK
        parts.ask("job.checkpoint", "restart", download, error, recall)
    download.last = time.ticks_add(time.ticks_ms(), pause)
    download.waits = "pause"
    download.state = _PAUSE


def _rest(download):
    # The ring goes until the next connection is wanted; what a package has inflated lies in it.
    if download.packed is None:
        download.ring = download.spare = download.target.spare = None


def _lasting(error):
    # Whether a status says that the file is not there, and not that the server is busy.
    status = error.detail[:8]
    return (
        error.code == _E_HTTP_STATUS
        and status[:6] == "HTTP 4"
        and status[5:] not in ("408", "425", "429")
    )


def _reason(error):
    return error.name + (" " + error.detail if error.detail else "")
