# A download in blocks: what becomes of failures, and what is said of them. MIT licence.

from micropython import const

from ..errors import AlinkError

_E_SUBSCRIBE = const(6)
_E_TIMEOUT = const(7)
_E_HTTP_LENGTH = const(42)
_E_BLOCK = const(47)
_E_BLOCK_REFUSED = const(48)

_CRC = const(1)
_BLOCK = const(4096)

_GAP_MAX_MS = const(1000)
_GAP_STEP_MS = const(100)


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


def fault(source, code):
    """Close `source`, and raise what is wrong with it: AlinkError of -code; -1: the CRC.

    source.n: int, of BLOCK_REFUSED and HTTP_LENGTH what stands in the header.
    """
    at = source.offset
    said = "at byte %d" % at
    code = -code
    if code == _CRC:
        code = _E_BLOCK
        said = "CRC, " + said
    elif code == _E_TIMEOUT:
        source.gap = min(max(2 * source.gap, _GAP_STEP_MS), _GAP_MAX_MS)
        said = "no reply for byte %d" % at
    elif code == _E_BLOCK_REFUSED:
        said = "code %d for byte %d" % (source.n, at)
    elif code == _E_HTTP_LENGTH:
        said = "%d, not %d" % (source.n, source.size)
    elif code == _E_SUBSCRIBE:
        said = "thing/file/download_reply"
    source.close()
    if code != _E_BLOCK:
        source.unvouched = 0
    raise AlinkError(code, said)
