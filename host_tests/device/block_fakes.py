# A file served in blocks by a fake gateway, and a signed-in Device in front of it. MIT licence.

import json
import sys
from array import array

from alink import parts
from alink.errors import AlinkError
from alink.job import blocks, moving
from alink.job.offer import File
from mqtt_fakes import publish_packet, up, world
from reader_fakes import Reader

NAME = "/sys/a1B2c3D4e5F/greenhouse_07/thing/file/download"
STREAM = (90417, 1)


def _crc_table():
    # Of the CRC-16/ARC, byte by byte.
    table = array("H", bytes(512))
    for i in range(256):
        crc = i
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
        table[i] = crc
    return table


_TABLE = _crc_table()


def crc16(crc, data):
    """The CRC (int) of what gave `crc` (0 at first) and then `data`."""
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc


def body(size):
    """Bytes that repeat nowhere near."""
    if size > 20000 and sys.platform == "esp32":
        raise SystemExit("SKIP: more than a chip without PSRAM holds")
    data = bytearray(size)
    for i in range(size):
        data[i] = (i * 31 + (i >> 8) * 7) & 255
    return bytes(data)


def frame(header, data=b"", crc=None):
    """A reply's payload; header: str. crc: int, None: the right one, -1: without."""
    header = header.encode()
    if crc is None:
        crc = crc16(0, data)
    end = b"" if crc < 0 else bytes([crc & 255, crc >> 8])
    return bytes([len(header) >> 8, len(header) & 255]) + header + data + end


class Files:
    """Answers each request on NAME; `script` holds, request by request, how.

    An entry: None (as it should be), a list of payloads (bytes) instead, or a callable that gets
    (offset, size, good payload) and returns such a list. qos: of the replies.
    """

    def __init__(self, clock, net, dev, data, *script):
        self.net = net
        self.data = data
        self.script = list(script)
        self.requests = []
        self.qos = 0
        plain = net.gateway.written

        def written(sock):
            seen = len(net.gateway.packets)
            plain(sock)
            for op, packet in net.gateway.packets[seen:]:
                if op & 0xF0 == 0x30 and packet[2 : 2 + len(NAME)] == NAME.encode():
                    self.answer(sock, packet[2 + len(NAME) :])

        net.gateway.written = written

    def good(self, offset, size, name="1", of=None):
        """A right answer; `name` is the id it carries, `of` another file's data."""
        data = (of or self.data)[offset : offset + size]
        header = {"fileLength": len(self.data), "bSize": len(data), "bOffset": offset}
        return frame(json.dumps({"id": name, "code": 200, "msg": "success", "data": header}), data)

    def answer(self, sock, payload):
        request = json.loads(payload)
        block = request["params"]["fileBlock"]
        self.requests.append((block["offset"], block["size"], request))
        plan = self.script.pop(0) if self.script else None
        replies = self.good(block["offset"], block["size"])
        if callable(plan):
            replies = plan(block["offset"], block["size"], replies)
        elif plan is not None:
            replies = plan
        for one in [replies] if isinstance(replies, bytes) else replies:
            sock.incoming += publish_packet(NAME + "_reply", one, self.qos, 9)


class Source(blocks.MqttSource):
    """An MqttSource with a Download that does nothing but read, see piece()."""

    def __init__(self, dev, **options):
        super().__init__(dev, **options)
        self.reader = Reader()
        self.reader.source = self
        self.reader.stall = 0x1FFFFFFF

    def open(self, stream, offset, size):
        reader = self.reader
        self.block = reader.block
        reader.ring.readinto(reader.block)
        reader.at = 0
        reader.last = reader.stop = moving.time.ticks_ms()
        reader.stop = moving.time.ticks_add(reader.stop, 0x1FFFFFFE)
        return super().open(File(size, "md5", b"", None, stream), offset, size)

    def piece(self, n):
        """The next `n` bytes into reader.block: n, or 0 when more has to arrive."""
        return moving.read(self.reader, self.reader.view, n)


def scene(size, *script, device=None, **options):
    """-> (clock, net, device, files, source), the source opened at byte 0."""
    clock, net = world()
    moving.time = clock
    parts.drop("job.blocks_move")  # it has another test's clock
    dev = up(clock, **(device or {}))
    files = Files(clock, net, dev, body(size), *script)
    source = Source(dev, **options)
    source.open(STREAM, 0, size)
    return clock, net, dev, files, source


def left(dev):
    """Bytes of the claimed message's payload that are not read yet, -1: none is under way."""
    link = dev._link
    return link.left if link is not None and link.left > 0 else -1


def pull(clock, dev, source, at, size, turns=4000):
    """The file's bytes from `at` on, as a Download would ask for them; each turn is 20 ms."""
    got = b""
    for _ in range(turns):
        if at == size:
            return got
        dev.poll()
        n = source.piece(min(4096, size - at))
        if n:
            got += source.reader.block[:n]
            at += n
        else:
            clock.sleep_ms(20)
    raise AssertionError("hangs at %d" % at)


def fails(clock, dev, source, size, at=0):
    try:
        pull(clock, dev, source, at, size)
    except AlinkError as e:
        assert left(dev) == -1
        return e.code
    raise AssertionError("did not fail")
