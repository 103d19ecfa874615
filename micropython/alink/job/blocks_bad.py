# A download in blocks: what is said of failures. MIT licence.

from micropython import const

from ..errors import AlinkError

_E_SUBSCRIBE = const(6)
_E_TIMEOUT = const(7)
_E_HTTP_LENGTH = const(42)
_E_BLOCK = const(47)
_E_BLOCK_REFUSED = const(48)

_GAP_MAX_MS = const(1000)
_GAP_STEP_MS = const(100)


def fault(source, code, found):
    """Close `source`, and raise what is wrong with it: AlinkError of `code`.

    found: list, what stands in the header; None: its CRC is wrong.
    """
    at = source.offset
    said = "at byte %d" % at if found else "CRC, at byte %d" % at
    if code == _E_TIMEOUT:
        source.gap = min(max(2 * source.gap, _GAP_STEP_MS), _GAP_MAX_MS)
        said = "no reply for byte %d" % at
    elif code == _E_BLOCK_REFUSED:
        said = "code %d for byte %d" % (found[1], at)
    elif code == _E_HTTP_LENGTH:
        said = "%d, not %d" % (found[4], source.size)
    elif code == _E_SUBSCRIBE:
        said = "thing/file/download_reply"
    source.close()
    if code != _E_BLOCK:
        source.unvouched = 0
    raise AlinkError(code, said)
