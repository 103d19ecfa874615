# Which messages a handler gets: the filters of its topic. MIT licence.


from alink import topics
from mqtt_fakes import publish_packet, turn, up, world


def test_wildcards_match_as_mqtt_says():
    matching = (
        ("a/b", "a/b"),
        ("#", "a/b"),
        ("a/#", "a/b/c"),
        ("a/#", "a"),
        ("+", "a"),
        ("+/b", "a/b"),
        ("a/+/c", "a/b/c"),
        ("/+", "/a"),
        ("+/+", "/a"),
        ("a/+", "a/"),
    )
    other = (
        ("a", "b"),
        ("a/b", "a"),
        ("a", "a/b"),
        ("+", "/a"),
        ("+", "a/b"),
        ("a/+", "a"),
        ("a/+/c", "a/b/d"),
        ("a/#", "ab"),
        ("#", "$SYS/x"),
        ("+/x", "$SYS/x"),
    )
    for pattern, topic in matching:
        assert topics.matches(pattern, topic), (pattern, topic)
    for pattern, topic in other:
        assert not topics.matches(pattern, topic), (pattern, topic)


def test_a_filter_that_mqtt_does_not_know_is_refused_at_once():
    clock, _ = world()
    dev = up(clock)
    for wrong in ("", None, b"/a", "a/#/b", "a#", "a/b+", "x" * 65536, "a\0b"):
        try:
            dev.subscribe(wrong, print)
        except ValueError as exc:
            assert "topic" in str(exc), exc
        else:
            raise AssertionError("accepted: %r" % wrong)
    for i in range(100):
        dev.subscribe("/t/%d" % i, print)
    try:
        dev.subscribe("/one/too/many", print)
    except ValueError as exc:
        assert "100" in str(exc), exc
        return
    raise AssertionError("accepted: the 101st subscription")


def test_the_handler_of_a_filter_can_be_replaced():
    clock, net = world()
    dev = up(clock)
    got = []
    dev.subscribe("/a", lambda topic, payload: got.append("old"))
    turn(dev, clock, 200)
    dev.subscribe("/a", lambda topic, payload: got.append("new"))
    turn(dev, clock, 200)
    assert net.gateway.filters == [["/a"]]
    net.last.incoming += publish_packet("/a", b"")
    turn(dev, clock, 200)
    assert got == ["new"]
