# The clock: what NTP answers, and what of it gets to the clock. MIT licence.

import time

import machine
import ntptime
from alink import backoff, clock, errors, faults, nvs, parts
from alink.errors import AlinkError
from alink.job import trouble

_EXPIRED = "The certificate validity has expired"


class Store:
    def __init__(self, namespace):
        pass

    def get_text(self, key):
        return None


nvs.Store = Store


def seconds(year):
    return time.mktime((year, 6, 1, 12, 0, 0, 0, 0))


def answers(*given):
    # NTP gives one after the other: seconds since 2000, or an exception to be raised.
    given = list(given)

    def answer():
        one = given.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    ntptime.time = answer
    ntptime.__path__ = ".frozen"
    return given


def shows(year):
    machine.RTC().datetime((year, 1, 1, 0, 0, 0, 0, 0))


def test_a_bad_answer_of_ntp_does_not_leave_a_board_offline_until_its_power_is_cut():
    zero = time.mktime((2036, 2, 7, 6, 28, 16, 0, 0))
    for bad in (
        zero,
        seconds(2023),
        seconds(2044),
        seconds(2090),
        ValueError("buffer too small"),
        OSError(116),
        OverflowError(),
        IndexError(),
        TypeError(),
        MemoryError(),
    ):
        shows(2000)
        left = answers(bad, seconds(2027))
        assert not clock.ask(), bad
        assert time.gmtime()[0] == 2000, "it got to the clock"
        assert clock.ask(), "asked again"
        assert time.gmtime()[:5] == (2027, 6, 1, 12, 0)
        assert clock.ask(), "and no more once it is set"
        assert not left


def test_only_years_that_can_be_pass_for_a_clock_that_is_set():
    for year, good in (
        (2000, 0),
        (2023, 0),
        (2024, 1),
        (2036, 1),
        (2043, 1),
        (2044, 0),
        (2090, 0),
    ):
        shows(year)
        assert clock.is_set() == bool(good), year


def test_a_clock_that_is_years_ahead_is_put_right_when_certificates_have_expired():
    error = AlinkError(errors.TLS, _EXPIRED)
    shows(2036)
    answers(seconds(2027))
    assert parts.ask("clock", "doubted", error)
    assert time.gmtime()[0] == 2027
    # A certificate that has really expired: the clock is not to blame.
    answers(time.time() + 5)
    assert not parts.ask("clock", "doubted", error)
    # Nothing else makes it ask.
    answers()
    assert not clock.doubted(AlinkError(errors.TLS, "not trusted"))
    assert not clock.doubted(AlinkError(errors.LINK, _EXPIRED))


def test_a_download_whose_certificate_seems_to_have_expired_is_tried_with_the_right_time():
    class Download:
        state = offset = at = links = failed = seen = 0
        stop = time.ticks_add(time.ticks_ms(), 100000)
        config = packed = ring = None
        waits = ""

        class target:
            pass

        class source:
            unvouched = 0

            def close():
                pass

        def close(self):
            pass

    shows(2036)
    answers(seconds(2027))
    one = Download()
    trouble.turn(one, AlinkError(errors.TLS, "TLS handshake: " + _EXPIRED))
    assert one.waits == "pause"
    answers(seconds(2027))
    try:
        trouble.turn(one, AlinkError(errors.TLS, "TLS handshake: " + _EXPIRED))
    except AlinkError as e:
        assert e.code == errors.TLS
        return
    raise AssertionError("it would be tried for ever")


def test_each_refused_sign_in_asks_for_the_time_once_and_then_waits_longer():
    class Device:
        error = _link = None
        _failures = 0
        _at = 0

        def _drop(self):
            pass

    device = Device()
    shows(2036)
    left = answers(OSError(116), ValueError(), seconds(2027))
    waits = []
    for _ in range(3):
        backoff.lost(device, faults.named(ValueError("\n%s\n" % _EXPIRED)))
        waits.append(time.ticks_diff(device._at, time.ticks_ms()))
    assert not left
    assert time.gmtime()[0] == 2027
    assert device.error.code == errors.TLS
    assert waits[0] < waits[2]
