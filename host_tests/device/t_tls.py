# TLS verifies, says why it refused, and knows an unset clock. MIT licence.

import binascii
import gc
import sys
import time

import tls as firmware_tls
from alink import errors, tls

_ETIMEDOUT = 110


class _Clock:
    """Stands in for the module `time`: a board whose clock shows `year`."""

    def __init__(self, year):
        self.year = year

    def gmtime(self):
        return (self.year, 1, 1, 0, 0, 0, 5, 1)


def _checked(year):
    tls.time = _Clock(year)
    try:
        tls.check_clock()
    except errors.AlinkError as exc:
        return exc
    finally:
        tls.time = time
    return None


def test_a_board_that_woke_up_in_2000_is_told_to_set_its_clock():
    for year in (1970, 2000, 2023):
        exc = _checked(year)
        assert exc.code == errors.CLOCK, exc
        assert str(year) in exc.detail, exc
    assert _checked(2024) is None
    assert _checked(2031) is None


def test_certificates_are_always_required():
    assert tls.context().verify_mode == firmware_tls.CERT_REQUIRED
    from alink import ca

    for der in ca.bundle():
        assert tls.context(der).verify_mode == firmware_tls.CERT_REQUIRED


def _heap_of_a_context(ca):
    gc.collect()
    before = gc.mem_alloc()
    kept = tls.context(ca)
    gc.collect()
    after = gc.mem_alloc()
    assert kept is not None
    return after - before


def test_the_certificates_do_not_stay_in_ram_beside_the_context():
    _heap_of_a_context(None)
    assert "alink.ca" not in sys.modules
    assert "ca" not in sys.modules["alink"].__dict__
    from alink import ca

    own = list(ca.bundle())
    assert _heap_of_a_context(None) <= _heap_of_a_context(own) + 256


def _pem(der):
    text = binascii.b2a_base64(der).strip()
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    return b"\n".join(
        [b"-----BEGIN CERTIFICATE-----"] + lines + [b"-----END CERTIFICATE-----", b""]
    )


def test_own_certificates_are_taken_as_pem_and_as_der():
    from alink import ca

    roots = list(ca.bundle())
    both = b"a comment\r\n" + _pem(roots[0]) + _pem(roots[1]).replace(b"\n", b"\r\n")
    assert tls.to_der(both) == roots[:2]
    assert tls.to_der(both.decode()) == roots[:2]
    assert tls.to_der(bytearray(roots[2])) == [roots[2]]
    assert tls.to_der([both, roots[2]]) == roots
    assert tls.context([both, roots[2]])


def test_something_that_is_no_certificate_is_refused_before_any_connection():
    from alink import ca

    cut = _pem(ca.bundle()[0])[:200]
    for wrong in (b"", "", [], b"-----BEGIN PRIVATE KEY-----", cut, "cert.pem"):
        assert "ca " in _refused(wrong)


def _refused(ca):
    try:
        tls.context(ca)
    except ValueError as exc:
        return str(exc)
    raise AssertionError("accepted: %r" % ca)


def test_each_kind_of_failure_gets_its_own_name():
    expired = ValueError("\nThe certificate validity has expired\n")
    cases = (
        (expired, errors.TLS, "The certificate validity has expired"),
        (OSError(-30592, "MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE"), errors.TLS, "FATAL_ALERT"),
        (OSError(-30592), errors.TLS, "0x7780"),
        (OSError(_ETIMEDOUT), errors.TIMEOUT, "no answer"),
        (OSError(-_ETIMEDOUT), errors.TIMEOUT, "no answer"),
        (OSError(111), errors.LINK, "ECONNREFUSED"),
        (OSError(-2), errors.LINK, "name could not be resolved"),
        (OSError(-202), errors.LINK, "name could not be resolved"),
        (OSError(), errors.LINK, "OSError"),
    )
    for exc, code, words in cases:
        error = tls.tls_error(exc)
        assert error.code == code, (exc, error)
        assert words in error.detail, (exc, error)
        assert "\n" not in error.text()
    known = errors.AlinkError(errors.CLOCK)
    assert tls.tls_error(known) is known


def test_session_and_download_share_one_context_and_another_ca_gets_its_own():
    import alink.ca

    one, other = alink.ca.bundle()[0], alink.ca.bundle()[1]
    first = alink.tls.context(one)
    assert alink.tls.context([bytes(one)]) is first  # as the Device hands it on
    assert alink.tls.context(other) is not first
    assert alink.tls.context() is not first
    assert alink.tls.context() is alink.tls.context()
    assert first.verify_mode == alink.tls.context().verify_mode
