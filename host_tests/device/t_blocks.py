# A download over the MQTT session: good blocks, and every way to be bad. MIT licence.

import hashlib

import micropython
from alink import parts
from alink.job import blocks, fetch
from alink.job.offer import File
from alink.session import packets
from block_fakes import NAME, STREAM, body, frame, left, pull, scene
from download_fakes import Flash
from mqtt_fakes import publish_packet, turn


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


def test_requests_keep_their_distance():
    size = 4096 * 5
    clock, _net, dev, _files, source = scene(size, gap_ms=300)
    began = clock.total
    pull(clock, dev, source, 0, size)
    assert clock.total - began >= 4 * 300


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
    assert left(dev) > 0
    source.close()
    turn(dev, clock, 1000)
    assert left(dev) == -1
    assert dev.connected
    pid = dev.publish("/x", b"y", 1)
    turn(dev, clock, 200)
    assert dev.acked(pid)
    assert len(net.sockets) == 1


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
            self.packet[self.offset_at + i] = packet[n - 28 + i]
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
        dev._link.recv = packets(dev._link, (10000, 60000, 300000, 8192))
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
        one = fetch.Download(None, {"retry_min_ms": 10, "retry_max_ms": 10})
        flash = Flash()
        file = File(size, "md5", hashlib.md5(data).digest(), None, STREAM)
        parts.ask("job.checkpoint", "start", one, file, "key", source, flash)
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
        assert source.entry is None and source.stream is None and source.block is None
        assert not [one for one in dev._topics if one[0].endswith("/thing/file/download_reply")]
