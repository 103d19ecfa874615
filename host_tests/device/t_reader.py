# Pieces off a stream that arrives in any way it likes. MIT licence.

import micropython
from alink.reader import EOF, Reader


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
        n = min(n, size, len(self.data) - self.at)
        for i in range(n):
            buf[i] = self.data[self.at + i]
        self.at += n
        return n


def pieces(stream, sizes):
    reader = Reader(4096)
    reader.attach(stream)
    buf = bytearray(4096)
    out = b""
    for n in sizes:
        while True:
            count = reader.readinto(buf, n)
            if count:
                break
        if count == EOF:
            break
        assert count == n
        out += buf[:n]
    return out


def test_no_byte_is_lost_or_moved_however_the_stream_arrives():
    data = bytes((i * 7) & 0xFF for i in range(9000))
    for portions in ((1,), (0, 1, 0, 3), (5000,), (4095, 0), (4097,), (13, 0, 0, 2000)):
        got = pieces(Stream(data, portions), (1, 4096, 7, 4096, 800))
        assert got == data, portions


def test_what_lies_behind_the_piece_stays_in_the_stream():
    stream = Stream(bytes(100), (100,))
    reader = Reader(64)
    reader.attach(stream)
    assert reader.readinto(bytearray(64), 10) == 10
    assert stream.at == 10


def test_the_end_of_the_stream_in_a_piece_is_seen():
    reader = Reader(64)
    reader.attach(Stream(b"abc", (2,)))
    buf = bytearray(64)
    assert reader.readinto(buf, 5) == 0
    assert reader.readinto(buf, 5) == 0
    assert reader.readinto(buf, 5) == EOF


def test_a_new_connection_does_not_begin_with_the_old_ones_bytes():
    reader = Reader(64)
    reader.attach(Stream(b"old", (2,)))
    buf = bytearray(64)
    assert reader.readinto(buf, 3) == 0
    reader.attach(Stream(b"new", (3,)))
    assert reader.readinto(buf, 3) == 3
    assert buf[:3] == b"new"


def test_reading_costs_no_heap():
    reader = Reader(4096)
    reader.attach(Stream(bytes(65536), (1000, 0, 4096)))
    buf = bytearray(4096)
    done = 0
    micropython.heap_lock()
    try:
        while done < 15:
            if reader.readinto(buf, 4096):
                done += 1
    finally:
        micropython.heap_unlock()
    assert done == 15
