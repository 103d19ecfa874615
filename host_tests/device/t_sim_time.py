# The sim's time module: ticks of 30 bits and the epoch 2000, as on the ESP32. MIT licence.

import time

import utime


def test_ticks_stay_below_2_to_the_30_and_differences_cross_the_wrap():
    assert 0 <= time.ticks_ms() < 1 << 30
    assert 0 <= time.ticks_us() < 1 << 30
    near = (1 << 30) - 5
    assert time.ticks_add(near, 10) == 5
    assert time.ticks_add(5, -10) == near
    assert time.ticks_diff(5, near) == 10
    assert time.ticks_diff(near, 5) == -10
    assert time.ticks_diff((1 << 29) + 1, 1) == -(1 << 29)


def test_a_tick_interval_of_half_the_period_is_refused():
    for delta in (1 << 29, -(1 << 29) - 1):
        try:
            time.ticks_add(0, delta)
        except OverflowError:
            continue
        raise AssertionError(delta)


def test_mktime_and_gmtime_agree_over_centuries():
    # Seconds since 2000-01-01, each with what the host's C library says of it.
    for secs in range(-3 * 10**9, 4 * 10**9, 10**7 - 1):
        t = time.gmtime(secs)
        assert t == utime.gmtime(secs + 946684800)[:8]
        assert time.mktime(t) == secs, t
    assert time.gmtime(0) == (2000, 1, 1, 0, 0, 0, 5, 1)
    assert time.mktime((2024, 2, 29, 0, 0, 0, 0, 0)) == 762480000
    assert time.mktime((2023, 14, 29, 0, 0, 0)) == 762480000


def test_time_counts_from_2000():
    assert abs(time.time() + 946684800 - utime.time()) < 2
    assert isinstance(time.time(), int)
    assert time.localtime()[0] == utime.gmtime()[0]


def test_modules_without_a_board_say_so():
    import esp32
    import machine

    for call in (
        lambda: esp32.Partition(1),
        lambda: esp32.NVS("a"),
        machine.reset,
        lambda: machine.WDT(timeout=1000),
        lambda: machine.Timer(0).init(period=10),
    ):
        try:
            call()
        except RuntimeError as e:
            assert "no board here" in e.args[0]
        else:
            raise AssertionError(call)
