# TLS verifies, knows an unset clock, and shares its one context. MIT licence.

import binascii
import gc
import sys

import tls as firmware_tls
from alink import clock, errors, parts, session


def context(*ca):
    """One that both connections share."""
    return parts.ask("signin.tls", "context", *ca)


class _Clock:
    """Stands in for the module `time`: a board whose clock shows `year`."""

    def __init__(self, year):
        self.year = year

    def gmtime(self):
        return (self.year, 1, 1, 0, 0, 0, 5, 1)


def _checked(year):
    clock.time = _Clock(year)
    assert clock.is_set() == (year >= 2024)
    try:
        clock.check()
        context()
    except errors.AlinkError as exc:
        return exc
    return None


def test_a_board_that_woke_up_in_2000_is_told_to_set_its_clock():
    for year in (1970, 2000, 2023):
        exc = _checked(year)
        assert exc.code == errors.CLOCK, exc
        assert str(year) in exc.detail, exc
    assert _checked(2024) is None
    assert _checked(2031) is None


def test_no_context_is_made_while_the_clock_is_not_set():
    clock.time = _Clock(2000)
    try:
        context()
    except errors.AlinkError as exc:
        assert exc.code == errors.CLOCK, exc
        return
    raise AssertionError("made")


def _roots():
    return list(parts.ask("signin.ca", "bundle"))


def test_certificates_are_always_required():
    assert context().verify_mode == firmware_tls.CERT_REQUIRED
    for der in _roots():
        assert context(der).verify_mode == firmware_tls.CERT_REQUIRED


def _heap_of_a_context(ca):
    session.shared = None
    gc.collect()
    before = gc.mem_alloc()
    context(ca)
    gc.collect()
    return gc.mem_alloc() - before


def test_the_certificates_do_not_stay_in_ram_beside_the_context():
    own = _roots()
    _heap_of_a_context(None)
    assert not [name for name in sys.modules if name.startswith("alink.signin.")]
    assert "ca" not in sys.modules["alink.signin"].__dict__
    assert _heap_of_a_context(None) <= _heap_of_a_context(own) + 256


def _pem(der):
    text = binascii.b2a_base64(der).strip()
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    return b"\n".join(
        [b"-----BEGIN CERTIFICATE-----"] + lines + [b"-----END CERTIFICATE-----", b""]
    )


def test_own_certificates_are_taken_as_pem_and_as_der():
    from alink.signin import tls

    roots = _roots()
    both = b"a comment\r\n" + _pem(roots[0]) + _pem(roots[1]).replace(b"\n", b"\r\n")
    assert tls.to_der(both) == roots[:2]
    assert tls.to_der(both.decode()) == roots[:2]
    assert tls.to_der(bytearray(roots[2])) == [roots[2]]
    assert tls.to_der([both, roots[2]]) == roots
    assert context([both, roots[2]])


def test_something_that_is_no_certificate_is_refused_before_any_connection():
    cut = _pem(_roots()[0])[:200]
    for wrong in (b"", "", [], b"-----BEGIN PRIVATE KEY-----", cut, "cert.pem"):
        assert "ca " in _refused(wrong)


def _refused(ca):
    try:
        context(ca)
    except ValueError as exc:
        return str(exc)
    raise AssertionError("accepted: %r" % ca)


def test_session_and_download_share_one_context_and_another_ca_gets_its_own():
    one, other = _roots()[:2]
    first = context(one)
    assert context(bytes(bytearray(one))) is first  # the same, read once more
    assert context(other) is not first
    assert context() is not first
    assert context() is context()
    assert first.verify_mode == context().verify_mode


def test_the_authority_of_the_settings_is_read_when_it_is_needed_and_not_held():
    der, another = _roots()[:2]
    nvs = parts.use("nvs")  # loaded beforehand it stays, with what is exchanged in it
    tls = parts.use("signin.tls")
    stored = {"ca": der}
    nvs.setting = stored.get
    assert tls.kept(bytes(bytearray(der))) is True
    assert tls.kept(None) is None and tls.kept(another) is another
    assert tls.to_der(True) == [der]
    first = context(True)
    assert first.verify_mode == firmware_tls.CERT_REQUIRED
    assert context(True) is first
    # An application that has read it by itself: it is the same one.
    assert context(bytes(bytearray(der))) is first
    assert context(another) is not first
    stored.clear()
    assert "ca " in _refused(True)
