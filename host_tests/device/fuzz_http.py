# Answers of a hostile download server into a Download over HTTP. MIT licence.
#
# An input: the bytes a read gives at most (2), whether the server closes at the end (1) or stays
# silent, the offset asked for (4), the size of the file (4), then everything the server sends.

import binascii
import json
import sys

import mqtt_fakes
from alink import errors, log, parts, session
from alink.errors import AlinkError
from alink.job import moving
from alink.job.http import HttpSource
from alink.job.offer import File
from clock_fakes import Clock
from fuzz_common import Run
from reader_fakes import Reader

run = Run()
log.level = 0
clock = Clock()
CODES = (
    errors.LINK,
    errors.TIMEOUT,
    errors.EXPIRED,
    errors.HTTP_STATUS,
    errors.HTTP_HEAD,
    errors.HTTP_LENGTH,
    errors.HTTP_REDIRECT,
    errors.HTTP_CHUNKED,
)


class Quiet:
    """A gateway that does not answer: a server of one's own does."""

    def written(self, sock):
        sock.sent = sock.sent[-4:]


class Net:
    SOCK_STREAM = 1

    def __init__(self):
        self.clock = clock
        self.gateway = Quiet()
        self.connects = []
        self.refuse = 0
        self.sock = None

    def getaddrinfo(self, host, port, *args):
        return [(2, 1, 0, "", (host, port))]

    def socket(self, *args):
        return self.sock


net = Net()
sys.modules["time"] = clock  # for what is loaded later, and let go
# Loaded beforehand they stay, with what is exchanged in them.
http_ask = parts.use("job.http_ask")
http_open = parts.use("job.http_open")
http_ask.net = http_open.socket = net
http_open.time = session.time = moving.time = clock
reader = Reader()
source = reader.source = HttpSource(allow_http=True)
source.block = reader.block
URL = "http://dl.example.net/ota/fw.bin?auth_key=1700000000-0-s3cret"


def check(exc):
    text = exc.text()
    if exc.code not in CODES:
        run.bad("ended with " + text)
    if "1700000000-0-s3cret" in text:
        run.bad("tells the link's secret: " + text)
    if any(not " " <= letter <= "~" for letter in text) or len(exc.text(128)) > 128:
        run.bad("not one line of text: %r" % text)


def body(start, size):
    # -> what came of the body, as hex
    reader.ring.readinto(reader.block)
    reader.at = 0
    reader.offset = start
    reader.last = clock.ticks_ms()
    reader.stop = clock.ticks_add(reader.last, 100000000)
    whole = b""
    while reader.offset < size:
        want = min(size - reader.offset, 4096)
        n = moving.read(reader, reader.view, want)
        if n:
            whole += bytes(reader.block[:n])
            reader.offset += n
        else:
            clock.sleep_ms(500)
    return whole


def one(data):
    sock = mqtt_fakes.Socket(net)
    sock.piece = max(data[0] << 8 | data[1], 1)
    sock.eof = data[2] & 1
    offset = int.from_bytes(data[3:7], "big")
    size = int.from_bytes(data[7:11], "big")
    sock.incoming = bytearray(data[11:])
    net.sock = sock
    began = clock.total
    told = None
    try:
        try:
            reader.file = File(size, "md5", b"", URL)
            reader.size = size
            reader.stall = 20000
            start = source.open(reader.file, offset, size)
        finally:
            if clock.total - began > 20100:
                run.bad("open() took %d ms" % (clock.total - began))
        told = [start, None]
        whole = body(start, size)
        told[1] = binascii.hexlify(whole).decode()
    except (AlinkError, EOFError) as exc:
        if isinstance(exc, EOFError):
            exc = parts.ask("job.broken", "named", *exc.args)
        check(exc)
        if told is None and not sock.closed:
            run.bad("the connection stays open after " + exc.text())
    source.close()
    if not sock.closed:
        run.bad("the connection stays open")
    net.sock = None
    net.connects.clear()
    print("GOT", run.index, json.dumps(told))


run.all(sys.argv[1], one)
