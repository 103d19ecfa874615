# The frames of a download over MQTT: what is written, and what is read of an answer. MIT licence.

import random

from alink import errors, parts
from block_fakes import STREAM, crc16, fails, frame, pull, scene

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
    found = [-1] * 5
    parts.use("job.blocks_move").scan(buf, len(text), found)
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
