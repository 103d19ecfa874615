# Why nothing comes of a download any more. MIT licence.
#
# Loaded on trouble only.

import time

from micropython import const

from .. import parts
from ..errors import AlinkError

_E_LINK = const(5)
_E_TIMEOUT = const(7)
_E_DOWNLOAD = const(46)
_E_NO_MEMORY = const(84)


def named(download, what):
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
        said += " (%s)" % parts.ask("job.shown", "shown", download.file.url)
    return AlinkError(code, said)
