# A download in blocks: headers that are odd, what becomes of failures, and what is said of them.
# MIT licence.

from micropython import const

from .. import parts
from ..errors import AlinkError

_E_SUBSCRIBE = const(6)
_E_TIMEOUT = const(7)
_E_HTTP_LENGTH = const(42)
_E_BLOCK = const(47)
_E_BLOCK_REFUSED = const(48)

_CLOSED = const(259)  # see packets.py

_CRC = const(1)
_BLOCK = const(4096)
_LIMIT = const(5)  # of `want`, as in blocks_move.py
_GAP = const(6)
_BRACE = const(123)
_IDS = const(600000000)  # those of requests begin here, out of reach of Device.next_id()

_GAP_MAX_MS = const(1000)
_GAP_STEP_MS = const(100)


def judge(source, found, size, n):
    """A header is not what was expected: what is wrong with it, as fault() takes it, 0 when it is
    another block's, 1 when nothing is.

    found: list, see blocks_move.scan(). size, n: int, bytes of the header, and how many of them
    were looked at.
    """
    number, _, left, offset, whole = source.want[:_LIMIT]
    behind = source.device._link.left
    if not size or (size > behind + n and size >> 8 != _BRACE):
        return -_E_BLOCK
    # (An error may come as a JSON object alone: its first two bytes make a size of 31,500. An id
    # may have another form than the one that was sent.)
    if found[0] < _IDS or found[0] == number:
        if found[1] not in (200, -1):
            source.n = found[1]
            return -_E_BLOCK_REFUSED
        if size > n or found[1] < 0 or found[3] < 0:
            return -_E_BLOCK
        if found[3] == offset:
            if 0 <= found[4] != whole:
                source.n = found[4]
                return -_E_HTTP_LENGTH
            return 1 if found[2] == left and behind == left + 2 else -_E_BLOCK
    return 0


def lost(source):
    """The reply has died with its connection; what came of it before is as good as TCP, and the
    digest of the file has the last word. Returns what readinto() does.
    """
    source.session = -1
    source.unvouched = 0
    source.run = None
    n = source.offset % _BLOCK
    source.offset -= n
    return -1 if n else None


def broken(source, exc):
    """What a socket has raised is the end of its connection, which shows in the Device. Returns
    what readinto() does; raises what is none of a socket's.
    """
    source.run = None
    if not isinstance(exc, (OSError, ValueError, MemoryError)):
        source.device._drop()  # what follows could not be understood
        raise exc
    source.device._lost(exc)
    return None


def fault(source, code):
    """Close `source`, and raise what is wrong with it: AlinkError of -code; -1: the CRC. With 0 it
    is the connection alone that is gone: returns what readinto() does.

    source.n: int, of BLOCK_REFUSED and HTTP_LENGTH what stands in the header.
    """
    if not code:
        source.device._lost(parts.ask("faults", "ended", _CLOSED))
        return None
    at = source.offset
    said = "at byte %d" % at
    code = -code
    if code == _CRC:
        code = _E_BLOCK
        said = "CRC, " + said
    elif code == _E_TIMEOUT:
        gap = min(max(2 * source.want[_GAP], _GAP_STEP_MS), _GAP_MAX_MS)
        source.want[_GAP] = gap
        said = "no reply for byte %d" % at
    elif code == _E_BLOCK_REFUSED:
        said = "code %d for byte %d" % (source.n, at)
    elif code == _E_HTTP_LENGTH:
        said = "%d, not %d" % (source.n, source.want[4])
    elif code == _E_SUBSCRIBE:
        said = "thing/file/download_reply"
    source.close()
    if code != _E_BLOCK:
        source.unvouched = 0
    raise AlinkError(code, said)
