# A download in trouble: why, what is said of it, what comes next. MIT licence.
#
# Each is loaded for its moment, one after the other, and what moves is gone by then: a download
# that fails is to need no more memory than one that does not.

import time

from micropython import const

from .. import log, parts
from ..errors import AlinkError

_E_DOWNLOAD = const(46)

_RECALL = const(2)
_PAUSE = const(3)

# Of retry.verdict(), in place of a pause.
_FINAL = const(-1)
_LATE = const(-3)


def turn(download, error):
    """What a step has raised: AlinkError, or EOFError of what moves (see moving.read()).

    The download waits for its next try, or for a fresh link. Raises AlinkError when it has failed
    for good; the source is closed then.
    """
    moved = isinstance(error, EOFError)
    if moved:
        if not error.args or error.args[0] is not download:
            raise error  # not of what moves: a source's or a target's own
        error = parts.ask("job.broken", "named", *error.args)
    if download.state == _RECALL:
        parts.ask("job.checkpoint", "restart", download, error.text())
        return
    download.source.close()
    # (Beside a package there is the least room: its words are told when it has failed for good.)
    plain = download.packed is None
    if not download.source.unvouched:
        if plain:
            # As in retry.py, which wants it where something is damaged.
            download.ring = download.spare = download.target.spare = None
        elif moved:
            parts.ask("job.aside", "let_go", download)  # (Not of a package that is wrong.)
    text = error.text() if plain else "E%d %s" % (error.code, error.detail)
    log.info("download stopped at byte %d: %s" % (download.offset, text))
    text = None
    found = parts.ask("job.retry", "verdict", download, error)
    if found is None:
        return  # a fresh link is wanted
    pause, recall = found
    if pause < 0:
        if pause < _FINAL:
            detail = error.name + (" " + error.detail if error.detail else "")
            error = AlinkError(_E_DOWNLOAD, ("took too long, " if pause == _LATE else "") + detail)
        download.close()
        raise error
    if recall >= 0:
        parts.ask("job.checkpoint", "restart", download, "bytes that are damaged", recall)
    download.last = time.ticks_add(time.ticks_ms(), pause)
    download.waits = "pause"
    download.state = _PAUSE
