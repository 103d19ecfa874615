# A download over the MQTT session: good blocks, and every way to be bad. MIT licence.

import hashlib
import random

import micropython
from alink import errors
from alink.errors import AlinkError
from alink.job import blocks, download
from alink.job.offer import File
from alink.target import Target
from block_fakes import NAME, STREAM, body, crc16, frame, pull, scene
from mqtt_fakes import publish_packet, turn

# protocol.md: "Worked frames", the toy image in blocks of 256 bytes.
FIRST = (
    b"\x00\x5c"
    b'{"id":"41","code":200,"message":"success","data":{"fileLength":272,"bSize":256,"bOffset":0}}'
    + bytes(range(256))
    + b"\xd3\xba"
)
SECOND = (
    b"\x00\x5d"
    b'{"id":"42","code":200,"message":"success","data":{"fileLength":272,"bSize":16,"bOffset":256}}'
    + bytes(range(16))
    + b"\x0a\x17"
)


def test_the_crc_is_the_platforms():
    for data, crc in (
        (b"123456789", 0xBB3D),
        (bytes(range(256)), 0xBAD3),
        (bytes(range(16)), 0x170A),
        (b"\xff" * 256, 0x5440),
        (bytes(100), 0),
    ):
        assert crc16(0, data) == crc
        at = len(data) // 3
        assert crc16(crc16(0, data[:at]), data[at:]) == crc


def scanned(text):
    buf = bytearray(512)
    buf[: len(text)] = text
    found = [0] * 5
    blocks.scan(buf, len(text), found)
    return tuple(found[1:])


def test_a_header_is_read_in_any_order_and_spelling():
    assert scanned(FIRST[2:94]) == (200, 256, 0, 272)
    odd = b'{ "data" : {"bOffset" : 4096 ,\n"bSize":\t512,"fileLength":9000}, "code":"200","id":7}'
    assert scanned(odd) == (200, 512, 4096, 9000)
    # What stands within texts is no key.
    tricky = b'{"message":"\\"code\\":500,","x":"code","code":200,"data":{}}'
    assert scanned(tricky) == (200, -1, -1, -1)


def test_numbers_that_are_none_are_not_taken_for_others():
    for text in (b"-4096", b"1.5", b"1e3", b"12345678901", b"null", b"[1]", b'"12', b"12", b""):
        assert scanned(b'{"bOffset":' + text)[2] == -1, text
    assert scanned(b'{"bOffset":4096')[2] == -1, "cut off, it could be 40960"


def test_the_worked_frame_of_the_wire_reference_is_understood():
    assert frame(FIRST[2:94].decode(), bytes(range(256))) == FIRST
    clock, _net, dev, _files, source = scene(4096, [SECOND])
    source.open(STREAM, 256, 272)
    assert pull(clock, dev, source, 256, 272) == bytes(range(16))


def test_a_request_is_what_the_platform_documents():
    size = 4096 * 40 + 77
    clock, _net, dev, files, source = scene(size, block_size=131072)
    pull(clock, dev, source, 0, size)
    assert [(at, n) for at, n, _ in files.requests] == [
        (0, 4096),
        (4096, 131072),
        (4096 + 131072, size - 4096 - 131072),
    ]
    ids = [request["id"] for _, _, request in files.requests]
    first = int(ids[0])
    assert 600000000 < first < 700000000
    assert ids == [str(first), str(first + 1), str(first + 2)]
    request = files.requests[0][2]
    assert request["params"]["fileInfo"] == {"streamId": 90417, "fileId": 1}


def test_every_block_size_brings_the_same_bytes_however_the_stream_arrives():
    size = 4096 * 19 + 1000
    for block_size in (4096, 8192, 65536, 131072):
        for piece in (1000, 4096, 100000):
            clock, net, dev, _files, source = scene(size, block_size=block_size)
            net.last.piece = piece
            assert pull(clock, dev, source, 0, size) == body(size), (block_size, piece)
            assert source.unvouched == 0


def test_a_stream_that_arrives_byte_by_byte_is_put_together():
    clock, net, dev, _files, source = scene(300)
    net.last.piece = 1
    assert pull(clock, dev, source, 0, 300) == body(300)


def test_blocks_of_qos_1_are_acknowledged_once_each():
    size = 4096 * 3
    clock, net, dev, files, source = scene(size, lambda at, n, good: [good, good])
    files.qos = 1
    assert pull(clock, dev, source, 0, size) == body(size)
    turn(dev, clock, 200)
    assert len(net.gateway.of_type(0x40)) == 4
    assert net.gateway.of_type(0x40)[0] == b"\0\x09"


def test_a_block_size_that_the_flash_or_the_platform_cannot_take_is_refused_at_once():
    for size in (0, 256, 4095, 6000, 135168, "4096"):
        try:
            scene(100, block_size=size)
        except ValueError as e:
            assert "4096" in str(e)
        else:
            raise AssertionError(size)


def test_the_reply_topic_is_subscribed_only_for_a_download_and_before_the_first_request():
    clock, net, dev, files, source = scene(100)
    assert net.gateway.filters == []
    net.gateway.suback = None
    turn(dev, clock, 500)
    assert net.gateway.filters == [[NAME + "_reply"]]
    source.piece(100)
    assert files.requests == [], "asked before anybody listened"


def test_a_platform_without_downloads_over_mqtt_fails_the_job_and_not_the_connection():
    clock, net, dev, _files, source = scene(100)
    net.gateway.refused = (NAME + "_reply",)
    assert fails(clock, dev, source, 100) == errors.SUBSCRIBE
    assert dev.connected


def fails(clock, dev, source, size, at=0):
    try:
        pull(clock, dev, source, at, size)
    except AlinkError as e:
        assert source.net.left == -1
        return e.code
    raise AssertionError("did not fail")


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
        gaps.append(source.gap)
        source.open(STREAM, 0, 100)
    assert gaps == [200, 400, 800, 1000, 1000]
    assert pull(clock, dev, source, 0, 100) == body(100)


def test_requests_keep_their_distance():
    size = 4096 * 5
    clock, _net, dev, _files, source = scene(size, gap_ms=300)
    began = clock.total
    pull(clock, dev, source, 0, size)
    assert clock.total - began >= 4 * 300


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


def test_a_connection_that_breaks_within_a_block_is_taken_up_at_the_next_chunk():
    size = 4096 * 17
    clock, net, dev, files, source = scene(size, block_size=65536)
    data = b""
    while len(data) < 5 * 4096:
        dev.poll()
        net.last.piece = 3000
        n = source.piece(4096)
        data += source.reader.block[:n]
        clock.sleep_ms(20)
    source.piece(4096)  # half of one is in the ring
    net.last.eof = True
    net.last.incoming = bytearray()
    assert data + pull(clock, dev, source, len(data), size) == body(size)
    assert len(net.sockets) == 2
    assert files.requests[2][0] == 5 * 4096


def test_a_source_waits_for_a_lost_connection_without_an_error():
    clock, net, dev, _files, source = scene(100, reply_timeout_ms=1000)
    net.refuse = 111
    net.last.error = OSError(104)
    turn(dev, clock, 1000)
    assert not dev.connected
    for _ in range(100):
        assert source.piece(100) == 0
        turn(dev, clock, 500, 250)
    net.refuse = 0
    assert pull(clock, dev, source, 0, 100, 20000) == body(100)


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
    assert source.net.left > 0
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


def test_the_applications_own_messages_pass_between_the_blocks():
    size = 4096 * 4
    clock, net, dev, files, source = scene(size)
    got = []
    dev.subscribe("/a1B2c3D4e5F/greenhouse_07/user/x", lambda topic, payload: got.append(payload))
    dev.subscribe("/sys/#", lambda topic, payload: got.append(topic))
    turn(dev, clock, 200)

    def with_mail(at, n, good):
        net.last.incoming += publish_packet("/a1B2c3D4e5F/greenhouse_07/user/x", b"mail")
        return good

    files.script = [with_mail] * 4
    assert pull(clock, dev, source, 0, size) == body(size)
    assert got == [b"mail"] * 4


def test_a_download_that_is_given_up_leaves_the_session_in_step():
    size = 65536
    clock, net, dev, _files, source = scene(size, block_size=65536)
    for at in (0, 4096, 8192):
        pull(clock, dev, source, at, at + 4096)
    assert source.net.left > 0
    source.close()
    turn(dev, clock, 1000)
    assert source.net.left == -1
    assert dev.connected
    pid = dev.publish("/x", b"y", 1)
    turn(dev, clock, 200)
    assert dev.acked(pid)
    assert len(net.sockets) == 1


def test_hostile_headers_raise_only_what_is_documented_and_hold_no_memory():
    random.seed(5)
    good = bytearray(frame(FIRST[2:94].decode(), bytes(range(256))))
    known = (errors.BLOCK, errors.BLOCK_REFUSED, errors.TIMEOUT, errors.HTTP_LENGTH)
    clock, net, dev, files, source = scene(272, reply_timeout_ms=300)
    for _ in range(150):
        bad = bytearray(good)
        for _ in range(random.randrange(1, 6)):
            bad[random.randrange(94)] = random.choice(b'\0\x01{}[]":,\\0129 \xff')
        if random.randrange(4) == 0:
            bad = bad[: random.randrange(1, 200)]
        files.script = [bytes(bad)]
        source.open(STREAM, 0, 272)
        assert fails(clock, dev, source, 272) in known
    assert len(net.sockets) == 1, dev.error


class Fixed:
    """A socket that answers each request with one packet made beforehand, without a heap."""

    def __init__(self, source, packet, offset_at):
        self.source = source
        self.packet = bytearray(packet)
        self.offset_at = offset_at
        self.at = len(packet)
        self.written = 0

    def write(self, packet, off=0, n=-1):
        self.written += 1
        if n == 4:
            return 4  # an acknowledgement
        for i in range(8):
            self.packet[self.offset_at + i] = packet[self.source.start + 80 + i]
        self.at = 0
        return n

    def readinto(self, buf, n=-1):
        left = len(self.packet) - self.at
        if not left:
            return None
        if n > left:
            n = left
        for i in range(n):
            buf[i] = self.packet[self.at + i]
        self.at += n
        return n

    def close(self):
        pass


def test_a_block_on_its_way_from_request_to_digest_costs_no_heap():
    for block_size, piece in ((4096, 20), (16384, 5)):
        size = 4096 + piece * block_size
        clock, _net, dev, _files, source = scene(size, block_size=block_size)
        data = body(block_size)
        text = '{"code":200,"data":{"fileLength":%d,"bSize":%d,"bOffset":        }}'
        whole = publish_packet(NAME + "_reply", frame(text % (size, block_size), data), 1, 3)
        pull(clock, dev, source, 0, 4096)
        fixed = Fixed(source, whole, whole.index(b'"bOffset":') + 10)
        # The rest of the session's life is this socket's.
        dev._link.sock = fixed
        dev._link.recv = dev._link._packets((10000, 60000, 300000, 8192))
        dev.poll()
        digest = hashlib.sha256()
        done = 0
        turns = 0
        micropython.heap_lock()
        try:
            while done < piece * block_size and turns < 5000:
                turns += 1
                dev.poll()
                n = source.piece(4096)
                if n:
                    digest.update(source.reader.block)
                    done += n
                else:
                    clock.now += 20
            dev.poll()
        finally:
            micropython.heap_unlock()
        assert done == piece * block_size
        assert digest.digest() == hashlib.sha256(data * piece).digest()
        # A request and an acknowledgement for each block.
        assert fixed.written == 2 * piece


class Flash(Target):
    """Keeps what is written, and can be read back."""

    label = "ota_1"

    def begin(self, size, method, digest, block):
        self.at = 0
        self.kept = getattr(self, "kept", {})

    def write(self, block, n):
        self.kept[self.at] = bytes(block[:n])
        self.at += n

    def recall(self, block):
        block[:] = self.kept[self.at]
        self.at += 4096


def test_a_whole_download_with_damage_losses_and_odd_pieces_ends_with_the_right_bytes():
    size = 4096 * 21 + 77
    flip = lambda at, n, good: good[:-1] + bytes([good[-1] ^ 1])  # noqa: E731
    torn = lambda at, n, good: good[:-5] + b"\0" + good[-4:]  # noqa: E731
    for piece in (700, 1460, 5000, 100000):
        clock, net, dev, _files, _ = scene(size, None, flip, None, torn, flip)
        data = body(size)
        net.on_socket = lambda sock, piece=piece: setattr(sock, "piece", piece)
        net.last.piece = piece
        source = blocks.MqttSource(dev, block_size=32768)
        one = download.Download(None, {"retry_min_ms": 10, "retry_max_ms": 10})
        flash = Flash()
        file = File(size, "md5", hashlib.md5(data).digest(), None, STREAM)
        one.start(file, "key", source, flash)
        cut = False
        for _ in range(20000):
            dev.poll()
            if one.step():
                break
            if one.offset > 50000 and not cut:
                cut = True
                net.last.eof = True  # in the middle of a block
                net.last.incoming = bytearray()
            clock.sleep_ms(5)
        else:
            raise AssertionError("hangs")
        assert b"".join([flash.kept[at] for at in sorted(flash.kept)]) == data, piece
        assert len(net.sockets) == 2
        # Nothing of it is left with the device.
        assert source.net is None and source.stream is None and source.block is None
        assert not [one for one in dev._topics if one[0].endswith("/thing/file/download_reply")]
