# Each exception of the network, of TLS and of the memory gets its true name. MIT licence.

import errno
import sys

from alink import errors, faults, idf

_TLS = (
    (
        ValueError("\nThe certificate validity has expired\n"),
        "The certificate validity has expired",
    ),
    (OSError(-30592, "MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE"), "FATAL_ALERT"),
    (OSError(-30592), "0x7780"),
    (OSError(-0x2700, "MBEDTLS_ERR_X509_CERT_VERIFY_FAILED"), "VERIFY_FAILED"),
)
_LATE = (
    OSError(errno.ETIMEDOUT),
    OSError(-errno.ETIMEDOUT),
    OSError(errno.EINPROGRESS),
    OSError(errno.EAGAIN),
)
_LINK = (
    (OSError(errno.ECONNREFUSED), "ECONNREFUSED"),
    (OSError(-errno.ECONNRESET), "ECONNRESET"),
    (OSError(-2), "name could not be resolved"),
    (OSError(-202), "name could not be resolved"),
    (OSError(-0x7280), "closed by the other side"),
    (OSError(), "OSError"),
)
_NO_MEMORY = (
    MemoryError("memory allocation failed, allocating 4096 bytes"),
    MemoryError(),
    OSError(errno.ENOMEM),
    OSError(-errno.ENOMEM),
    OSError(-0x7F00, "MBEDTLS_ERR_SSL_ALLOC_FAILED"),
    OSError(-0x7F00),
    OSError(-0x2880),
    OSError(-0x3F80),
    OSError(-0x4D80),
    OSError(-0x6180),
    OSError(-0x5180),
    OSError(-0x1180),
    OSError(-0x0010),
    OSError(-0x006A),
    OSError(-0x2700 - 0x0010),
    OSError(-0x2380 - 0x006A),
    OSError(-0x3B00 - 0x006A, "MBEDTLS_ERR_PK_INVALID_PUBKEY+MBEDTLS_ERR_ASN1_ALLOC_FAILED"),
    ValueError("invalid cert"),
)


class _Esp32:
    """Stands in for the module `esp32`: an IDF heap of these (free, largest) regions."""

    HEAP_DATA = 4

    def __init__(self, *regions):
        self.regions = regions

    def idf_heap_info(self, what):
        assert what == self.HEAP_DATA
        return [(free * 2, free, largest, 0) for free, largest in self.regions]


def _named(exc, code, words="", doing=""):
    error = faults.named(exc, doing)
    assert error.code == code, (exc, error.code, error.detail)
    assert words in error.detail, (exc, error.detail)
    assert "\n" not in error.text()
    return error


def test_each_kind_of_failure_gets_its_own_name():
    for exc, words in _TLS:
        _named(exc, errors.TLS, words)
    for exc in _LATE:
        _named(exc, errors.TIMEOUT, "no answer")
    for exc, words in _LINK:
        _named(exc, errors.LINK, words)
    _named(UnicodeError(), errors.PROTOCOL, "UTF-8")


def test_an_error_with_a_name_keeps_it():
    known = errors.AlinkError(errors.CLOCK)
    assert faults.named(known) is known
    assert faults.named(known, "connecting") is known


def test_want_of_memory_is_told_as_such_whatever_it_looks_like():
    for exc in _NO_MEMORY:
        for doing in ("", "connecting", "TLS handshake", "reading"):
            _named(exc, errors.NO_MEMORY, doing, doing)
    _named(MemoryError(), errors.NO_MEMORY, "no memory")


def test_while_the_idf_heap_is_low_every_fault_is_its_own_and_the_figures_are_told():
    for regions, low in (
        (((3500, 3000),), True),
        (((60000, 2000), (900, 900)), True),
        (((2000, 2000), (2200, 2200)), False),
        (((60000, 30000),), False),
    ):
        sys.modules["esp32"] = _Esp32(*regions)
        assert idf.short() is low, regions
        code = errors.NO_MEMORY if low else None
        for exc, _ in _TLS:
            _named(exc, code or errors.TLS)
        for exc in _LATE:
            _named(exc, code or errors.TIMEOUT)
        for exc, _ in _LINK:
            _named(exc, code or errors.LINK)
    sys.modules["esp32"] = _Esp32((3500, 3000), (100, 100))
    _named(OSError(errno.ECONNRESET), errors.NO_MEMORY, "idf 3600 free, 3000 in one piece")


def test_a_download_that_has_no_room_for_an_answer_takes_its_next_way_and_blames_no_network():
    for free, doing, code in (
        (13000, "TLS handshake", errors.NO_MEMORY),
        (14000, "TLS handshake", errors.TIMEOUT),
        (6000, "waiting for the answer", errors.NO_MEMORY),
        (13000, "waiting for the answer", errors.TIMEOUT),
        (6000, "", errors.TIMEOUT),  # (the session's own: the platform may really be silent)
    ):
        sys.modules["esp32"] = _Esp32((free, 5000))
        for exc in _LATE:
            _named(exc, code, "no answer in time", doing)


def test_firmware_that_does_not_tell_of_its_heap_is_never_short():
    sys.modules["esp32"] = faults
    assert not idf.short()
    _named(MemoryError(), errors.NO_MEMORY)


def test_a_downloads_failure_says_what_was_being_done():
    error = _named(OSError(errno.ECONNREFUSED), errors.LINK, "", "connecting")
    assert error.detail == "connecting: ECONNREFUSED", error.detail
    _named(OSError(-2), errors.LINK, "looking up the host: ", "looking up the host")
    _named(OSError(errno.EINPROGRESS), errors.TIMEOUT, "connecting: no answer", "connecting")
    for exc, words in _TLS:
        _named(exc, errors.TLS, words, "TLS handshake")
    # A connection that breaks later is no verdict on the server.
    _named(OSError(-30592), errors.LINK, "0x7780", "reading")
    _named(OSError(-0x7280), errors.LINK, "", "TLS handshake")


def test_what_others_raise_over_an_answer_is_not_quoted():
    for exc in (ValueError("HTTP error: secret=1"), IndexError("secret=1"), TypeError("secret=1")):
        error = _named(exc, errors.HTTP_HEAD, type(exc).__name__, "waiting for the answer")
        assert "secret" not in error.detail
