# Pieces off a stream that arrives in any way it likes. MIT licence.

import random
import sys

import micropython
from alink import errors, parts
from alink.job import download, moving
from alink.job.offer import File
from clock_fakes import Clock
from reader_fakes import Reader


class Stream:
    """Gives `data` in the portions of `sizes`, in turn; None where a size is 0."""

    def __init__(self, data, sizes):
        self.data = data
        self.sizes = sizes
        self.turn = 0
        self.at = 0

    def readinto(self, buf, n):
        size = self.sizes[self.turn % len(self.sizes)]
        self.turn += 1
        if size == 0:
            return None
        if size < 0:
            self.at -= self.at % 4096
            return -1
        n = min(n, size, len(self.data) - self.at)
        for i in range(n):
            buf[i] = self.data[self.at + i]
        self.at += n
        return n


def reader(stream):
    one = Reader()
    one.source = download.Source()
    one.source.stream = stream
    one.file = File(len(stream.data), "md5", b"", "https://host/fw.bin?Signature=secret")
    one.size = len(stream.data)
    one.stall = 1000
    one.last = moving.time.ticks_ms()
    one.stop = (one.last + 100000) & 0x3FFFFFFF
    return one


def pieces(stream, sizes):
    one = reader(stream)
    out = b""
    for n in sizes:
        while not moving.read(one, one.view, n):
            pass
        out += one.block[:n]
        one.offset += n
    return out


def failure(one, n):
    try:
        while not moving.read(one, one.view, n):
            pass
    except EOFError as e:
        e = parts.ask("job.broken", "named", *e.args)
        assert "secret" not in e.text()
        return e
    raise AssertionError("no error")


def test_no_byte_is_lost_or_moved_however_the_stream_arrives():
    data = bytes([(i * 7) & 0xFF for i in range(9000)])
    for portions in (
        (1,),
        (0, 1, 0, 3),
        (5000,),
        (4095, 0),
        (4097,),
        (13, 0, 0, 2000),
        (1023, 1, 1025),
        (1024,),
        (3072, 1024),
        (0, 1460),
    ):
        got = pieces(Stream(data, portions), (1, 4096, 7, 4096, 800))
        assert got == data, portions


def test_no_byte_is_lost_in_any_disorder():
    random.seed(11)
    data = bytes([(i * 31 + (i >> 8) * 7) & 0xFF for i in range(12288)])
    for _ in range(200):
        portions = [random.choice((0, 0, 1, 7, 500, 1023, 1024, 1025, 1460, 2048, 3000, 4096))]
        while sum(portions) < 5000:
            portions.append(random.randrange(0, 4097))
        assert pieces(Stream(data, portions), (4096, 4096, 4000, 96)) == data, portions


def test_a_piece_that_is_void_comes_once_more_from_its_start():
    data = bytes([(i * 31 + (i >> 8) * 7) & 0xFF for i in range(8192)])
    for first in (1, 1000, 1024, 2500, 4095):
        stream = Stream(data, (4096, first, 0, -1, 700, 4096))
        assert pieces(stream, (4096, 4096)) == data, first


def test_what_lies_behind_the_piece_stays_in_the_stream():
    stream = Stream(bytes(100), (100,))
    assert pieces(stream, (10,)) == bytes(10)
    assert stream.at == 10


def test_the_end_of_the_stream_in_a_piece_is_seen_and_told_how_early():
    one = reader(Stream(bytes(5000), (4096, 300, 2)))
    one.size = 6000
    assert moving.read(one, one.view, 4096) == 4096
    one.offset = 4096
    e = failure(one, 1904)
    assert e.code == errors.LINK
    assert "closed 1000 bytes early (https://host/fw.bin)" in e.detail


def test_what_tls_raises_is_a_broken_link():
    class Broken(Stream):
        def readinto(self, buf, n):
            raise self.sizes

    for raised in (OSError(104), OSError(-0x7180, "MBEDTLS_ERR_SSL_INVALID_MAC"), ValueError("x")):
        e = failure(reader(Broken(b"1", raised)), 1)
        assert e.code == errors.LINK, e
    assert failure(reader(Broken(b"1", OSError(12))), 1).code == errors.NO_MEMORY


def test_a_stall_is_noticed_across_the_wrap_of_the_ticks_and_not_before_its_time():
    real = moving.time
    moving.time = clock = Clock((1 << 30) - 300)
    try:
        one = reader(Stream(bytes(10), [1]))
        sizes = one.source.stream.sizes
        for _ in range(4):  # each byte starts the time-out anew
            clock.now += 900
            sizes[0] = 1
            assert moving.read(one, one.view, 10) == 0
        sizes[0] = 0
        clock.now += 1000
        assert moving.read(one, one.view, 10) == 0
        clock.now += 1
        e = failure(one, 10)
        assert e.code == errors.TIMEOUT and "1000 ms" in e.detail
    finally:
        moving.time = real


def test_a_server_that_dribbles_has_a_deadline_too():
    real = moving.time
    moving.time = clock = Clock((1 << 30) - 50000)
    try:
        one = reader(Stream(bytes(1000), [1]))
        for _ in range(500):
            clock.now += 200
            assert moving.read(one, one.view, 1000) == 0
        clock.now += 1
        assert "dribbles" in failure_of(one, clock)
    finally:
        moving.time = real


def failure_of(one, clock):
    # (broken.py looks at the clock, too: it is loaded for the question.)
    sys.modules["time"] = clock
    try:
        e = failure(one, 1000)
        assert e.code == errors.DOWNLOAD
        return e.detail
    finally:
        del sys.modules["time"]


def test_reading_costs_no_heap():
    one = reader(Stream(bytes(65536), (1000, 0, 4096)))
    done = 0
    micropython.heap_lock()
    try:
        while done < 15:
            if moving.read(one, one.view, 4096):
                done += 1
    finally:
        micropython.heap_unlock()
    assert done == 15
