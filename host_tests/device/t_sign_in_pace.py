# How often a device signs in: within the platform's limit, whatever goes wrong. MIT licence.


from alink.errors import AlinkError
from mqtt_fakes import make, turn, up, world


def test_attempts_come_slower_and_slower_but_never_rarer_than_two_minutes():
    clock, net = world()
    net.refuse = 111
    dev = make()
    turn(dev, clock, 3600000, 100)
    gaps = [net.connects[i + 1] - net.connects[i] for i in range(len(net.connects) - 1)]
    assert 2000 <= gaps[0] <= 2700, gaps
    assert gaps[3] > 8000, gaps
    assert max(gaps) <= 120200, gaps
    assert min(gaps[8:]) >= 89000, gaps
    assert len(set(gaps[8:])) > 5, "no jitter: a whole fleet would come back at once"


def _fullest_minute(times):
    most = 0
    for i in range(len(times)):
        most = max(most, len([t for t in times[i:] if t - times[i] < 60000]))
    return most


def test_no_application_can_break_the_platforms_limit_of_five_sign_ins_a_minute():
    for connack in (b"\x20\x02\0\x05", b"\x20\x02\0\x03", b"\x20"):
        clock, net = world()
        net.gateway.connack = connack
        dev = make(connect_timeout_ms=100)
        told = set()
        while clock.total < 600000:
            try:
                dev.connect(timeout_ms=1000)
            except AlinkError as exc:
                told.add(exc.detail)
            clock.sleep_ms(100)
        assert [detail for detail in told if "5 sign-ins" in detail], told
        assert _fullest_minute(net.connects) == 5, _fullest_minute(net.connects)


def test_a_session_that_is_kicked_at_once_every_time_does_not_break_the_limit():
    clock, net = world()
    dev = make()
    while clock.total < 1200000:
        if dev.connected:
            net.last.eof = True
        turn(dev, clock, 500)
    assert _fullest_minute(net.connects) <= 5
    assert len(net.connects) < 40, len(net.connects)


def test_a_session_that_lasted_is_replaced_within_seconds_when_it_is_lost():
    clock, net = world()
    dev = up(clock)
    for _ in range(5):
        turn(dev, clock, 70000, 500)
        before = dev.session
        net.last.eof = True
        turn(dev, clock, 3000)
        assert dev.connected
        assert dev.session == before + 1


def test_a_week_in_which_nothing_was_tried_does_not_hold_up_the_next_attempt():
    # More than half the range of ticks: what was long ago looks like the future.
    week = 7 * 24 * 3600 * 1000
    clock, net = world()
    net.refuse = 113
    dev = make()
    turn(dev, clock, 600)
    net.refuse = 0
    clock.sleep_ms(week)
    dev.poll()
    assert dev.connected
    for _ in range(4):
        net.last.eof = True
        turn(dev, clock, 100)
        lost = clock.total
        while not dev.connected:
            turn(dev, clock, 100)
            assert clock.total - lost < 61000, "a sign-in a week ago"
    assert len(net.connects) == 6
    clock.sleep_ms(week)
    turn(dev, clock, 1000)
    net.last.eof = True
    turn(dev, clock, 3000)
    assert dev.connected, "five sign-ins a week ago"
