# What becomes of a download in trouble: another try, a fresh link, or the end. MIT licence.
#
# Loaded on trouble only.

import time

from micropython import const

from .. import parts

_E_CLOCK = const(2)
_E_LINK = const(5)
_E_TIMEOUT = const(7)
_E_HTTP_STATUS = const(40)
_E_HTTP_HEAD = const(41)
_E_HTTP_LENGTH = const(42)
_E_HTTP_REDIRECT = const(43)
_E_HTTP_CHUNKED = const(44)
_E_EXPIRED = const(45)
_E_BLOCK = const(47)
_E_BLOCK_REFUSED = const(48)

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

_LINK = const(4)

_BLOCK = const(4096)

# In place of a pause; for trouble.py, too.
_FINAL = const(-1)  # the error is what it is
_OVER = const(-2)  # there were as many tries as there may be
_LATE = const(-3)  # it has taken as long as it may


def verdict(download, error):
    """What follows one failure (AlinkError) of `download`: (pause, recall), two int; or None: a
    fresh link is wanted, and that is said.

    pause: ms until the next try, or one of the above: it has failed. recall: bytes in the target
    that are hashed again before, where some behind them are damaged; -1: none are.
    """
    code = error.code
    source = download.source
    if code == _E_EXPIRED and download.links:
        download.links -= 1
        download.link = None
        if not source.unvouched:
            _rest(download)
        download.waits = "link"
        download.state = _LINK
        return None
    # Of the bytes that are damaged, those that are in the target: what has come of the next piece
    # is lost in any case.
    damaged = 0
    unvouched = source.unvouched
    if unvouched:
        ring = download.ring
        at = 0 if download.packed is not None else download.at
        damaged = max(unvouched - at - (ring.any() if ring else 0), 0)
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
    pause = _FINAL
    if code in _TRANSIENT or (code in _ANYBODYS and (download.file.url or "").startswith("http:")):
        config = download.config or {}
        if download.failed < config.get("tries", 8):
            first = config.get("retry_min_ms", 2000)
            longest = config.get("retry_max_ms", 60000)
            pause = parts.ask("backoff", "pause_ms", first, longest, download.failed - 1)
            if time.ticks_diff(download.stop, time.ticks_ms()) < 0:
                pause = _LATE
        elif code not in _OWN and not _lasting(error):
            # (Unless it is nothing of the network's, and its own advice is right.)
            pause = _OVER
    recall = -1
    if damaged:
        # No digest can be turned back: what lies before the damage is hashed again, out of the
        # target; all of it is fetched again where it cannot be read back.
        again = download.target.label is None or download.packed is not None
        recall = 0 if again else (download.offset - damaged) // _BLOCK * _BLOCK
    return pause, recall


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
