# A download over MQTT whose answers are damaged, late, doubled or lost. MIT licence.


from alink import errors
from block_fakes import NAME, STREAM, body, fails, frame, left, pull, scene
from mqtt_fakes import publish_packet, turn


def test_a_platform_without_downloads_over_mqtt_fails_the_job_and_not_the_connection():
    clock, net, dev, _files, source = scene(100)
    net.gateway.refused = (NAME + "_reply",)
    assert fails(clock, dev, source, 100) == errors.SUBSCRIBE
    assert dev.connected


def code_500(at, n, good):
    return frame('{"id":"1","code":500,"message":"file exceeds 16 MB"}', b"", 0)


def test_a_refusal_is_understood_in_every_framing():
    for text in ('{"code":404,"id":"1"}', '{"code":404,"message":"' + "x" * 900 + '"}'):
        for reply in (
            frame(text, b"", 0),
            frame(text, b"", -1),
            frame(text[:-1] + ',"data":{"bSize":0}}', b"", 0),
            text.encode(),
        ):
            clock, net, dev, _files, source = scene(100, reply)
            assert fails(clock, dev, source, 100) == errors.BLOCK_REFUSED, reply[:60]
            # The next try begins behind what was left of that message.
            source.open(STREAM, 0, 100)
            assert pull(clock, dev, source, 0, 100) == body(100)
            assert len(net.sockets) == 1


def broken(change):
    # A reply of 5000 bytes with something wrong with it, and what that is called.
    size = 5000
    clock, _net, dev, files, source = scene(size, None, change)
    source.open(STREAM, 4096, size)
    files.script = [change]
    code = fails(clock, dev, source, size, 4096)
    source.open(STREAM, 4096, size)
    assert pull(clock, dev, source, 4096, size) == body(size)[4096:]
    return code


def test_a_damaged_block_is_told_from_a_good_one():
    def header(at, n, total, text=""):
        return '{"code":200,"data":{"fileLength":%d,"bSize":%d,"bOffset":%d%s}}' % (
            total,
            n,
            at,
            text,
        )

    data = body(5000)[4096:]
    assert broken(lambda at, n, good: good[:-1] + bytes([good[-1] ^ 1])) == errors.BLOCK
    assert broken(lambda at, n, good: good[:-3] + b"\0" + good[-2:]) == errors.BLOCK
    assert broken(lambda at, n, good: good[:-100]) == errors.BLOCK
    assert broken(lambda at, n, good: good + b"\0") == errors.BLOCK
    assert broken(lambda at, n, good: b"\0" + good) == errors.BLOCK
    assert broken(lambda at, n, good: frame(header(at, n - 1, 5000), data)) == errors.BLOCK
    assert broken(lambda at, n, good: frame(header(at, n, 5000), b"\0" + data)) == errors.BLOCK
    assert broken(lambda at, n, good: frame(header(at, n, 5001), data)) == errors.HTTP_LENGTH
    long = ',"x":"%s"' % ("y" * 600)
    assert broken(lambda at, n, good: frame(header(at, n, 5000, long), data)) == errors.BLOCK
    for junk in (b"x", b"\0\0", b"\xff\xff", b"{}", b"\x00\x02{}", b"\x00\x02{}\0\0"):
        assert broken(junk) == errors.BLOCK, junk


def test_a_header_without_what_is_known_anyway_is_taken():
    def short(at, n, good):
        text = '{"code":200,"data":{"bSize":%d,"bOffset":%d}}' % (n, at)
        return [frame(text, body(5000)[at : at + n])]

    clock, _net, dev, files, source = scene(5000, short, short)
    assert pull(clock, dev, source, 0, 5000) == body(5000)
    assert len(files.requests) == 2


def test_a_reply_for_another_place_is_not_taken_for_the_one_asked_for():
    size = 12288
    clock, _net, dev, files, source = scene(size)

    def mixed(at, n, good):
        return [files.good((at + 4096) % size, 4096), files.good((at + 8192) % size, 4096), good]

    files.script = [mixed, mixed, mixed]
    assert pull(clock, dev, source, 0, size) == body(size)
    assert len(files.requests) == 3


def test_a_late_block_of_another_file_is_not_taken_for_this_ones():
    size = 8192
    clock, _net, dev, files, source = scene(size)
    other = bytes(size)

    def late(at, n, good):
        return [
            files.good(at, n, "999999999", other),
            files.good(at, n, "600000000", other),
            good,
        ]

    files.script = [late, late]
    assert pull(clock, dev, source, 0, size) == body(size)
    assert len(files.requests) == 2


def test_a_reply_that_comes_twice_or_after_the_end_does_no_harm():
    size = 12288
    twice = lambda at, n, good: [good, good]  # noqa: E731
    clock, net, dev, files, source = scene(size, twice, twice, twice)
    assert pull(clock, dev, source, 0, size) == body(size)
    source.close()
    net.last.incoming += publish_packet(NAME + "_reply", files.good(0, 4096))
    turn(dev, clock, 500)
    assert dev.connected
    assert not net.last.incoming
    assert not [line for line in net.log if "skipped" in line]


def test_a_lost_reply_is_named_after_its_time_and_slows_the_next_request_down():
    clock, _net, dev, _files, source = scene(100, [], [], [], [], [], reply_timeout_ms=3000)
    gaps = []
    for _ in range(5):
        began = clock.total
        assert fails(clock, dev, source, 100) == errors.TIMEOUT
        assert 3000 <= clock.total - began <= 4200
        gaps.append(source.want[6])
        source.open(STREAM, 0, 100)
    assert gaps == [200, 400, 800, 1000, 1000]
    assert pull(clock, dev, source, 0, 100) == body(100)


def test_a_late_reply_is_good_for_the_request_that_repeats_it():
    clock, _net, dev, files, source = scene(100, [], reply_timeout_ms=1000)
    assert fails(clock, dev, source, 100) == errors.TIMEOUT
    source.open(STREAM, 0, 100)
    files.script = [lambda at, n, good: [good, good]]
    assert pull(clock, dev, source, 0, 100) == body(100)


def test_a_damaged_block_of_several_chunks_tells_how_much_of_it_was_handed_on():
    size = 4096 * 9
    flip = lambda at, n, good: good[:-1] + bytes([good[-1] ^ 1])  # noqa: E731
    clock, _net, dev, _files, source = scene(size, None, flip, block_size=32768)
    assert fails(clock, dev, source, size) == errors.BLOCK
    assert source.unvouched == 7 * 4096
    source.open(STREAM, 4096, size)
    assert source.unvouched == 0


def test_a_block_that_stops_half_way_ends_the_session_and_pings_go_on_until_then():
    size = 4096 * 3
    clock, net, dev, files, source = scene(size, block_size=8192, device={"ping_ms": 5000})
    assert pull(clock, dev, source, 0, 4096) == body(4096)
    files.script = [[]]
    while len(files.requests) < 2:
        dev.poll()
        source.piece(4096)
        clock.sleep_ms(20)
    net.last.incoming += publish_packet(NAME + "_reply", files.good(4096, 8192))[:6000]
    assert pull(clock, dev, source, 4096, 8192) == body(8192)[4096:]
    assert left(dev) > 0
    net.gateway.pingresp = False  # it would look like the rest of the block
    for _ in range(60):
        dev.poll()
        source.piece(4096)
        clock.sleep_ms(100)
    assert net.sockets[0].closed
    assert "half a packet" in str(dev.error)
    assert len(net.gateway.of_type(0xC0)) == 1
    net.gateway.pingresp = True
    assert pull(clock, dev, source, 8192, size) == body(size)[8192:]
