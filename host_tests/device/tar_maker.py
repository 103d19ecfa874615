# Archives for the tests of FilesTarget, good ones and hostile ones. MIT licence.

import binascii
import struct


def header(name, size=0, kind=b"0", magic=b"ustar\x0000", prefix=b"", link=b""):
    """A header (bytes) with a right checksum; name: bytes or str."""
    if isinstance(name, str):
        name = name.encode()
    head = bytearray(512)
    fields = (
        (0, name[:100]),
        (100, b"0000644\0"),
        (108, b"0000000\0"),
        (116, b"0000000\0"),
        (124, b"%011o\0" % size),
        (136, b"00000000000\0"),
        (148, b"        "),
        (156, kind),
        (157, link),
        (257, magic),
        (345, prefix),
    )
    for at, text in fields:
        head[at : at + len(text)] = text
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


def member(name, body=b"", **options):
    """A header and its data, in whole blocks."""
    return header(name, len(body), **options) + body + bytes(-len(body) % 512)


def archive(*members):
    """A whole archive of these members (bytes each)."""
    return b"".join(members) + bytes(1024)


def gzip(body, far=False):
    """body, compressed: one block of fixed codes, runs as matches (the wheel only inflates).

    far: 258 bytes from 8192 bytes back come behind it.
    """
    out = _Bits(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")
    out.put(1, 1)  # the last block
    out.put(1, 2)  # of fixed codes
    at = 0
    while at < len(body):
        byte = body[at]
        if at and body[at - 1] == byte and body[at : at + 258] == bytes([byte]) * 258:
            out.code(0xC5, 8)  # 258 bytes,
            out.code(0, 5)  # from one byte back
            at += 258
            continue
        if byte < 144:
            out.code(0x30 + byte, 8)
        else:
            out.code(0x190 + byte - 144, 9)
        at += 1
    if far:
        out.code(0xC5, 8)
        out.code(25, 5)  # from 6145 bytes back
        out.put(2047, 11)  # and so many more
        body += body[-8192 : 258 - 8192]
    out.code(0, 7)
    out.put(0, 7)  # to a whole byte
    return bytes(out.done) + struct.pack("<II", binascii.crc32(body), len(body))


class _Bits:
    def __init__(self, start):
        self.done = bytearray(start)
        self._bits = 0
        self._count = 0

    def put(self, value, count):
        """The lowest bit first."""
        self._bits |= value << self._count
        self._count += count
        while self._count >= 8:
            self.done.append(self._bits & 0xFF)
            self._bits >>= 8
            self._count -= 8

    def code(self, value, count):
        """A Huffman code: the highest bit first."""
        for i in range(count - 1, -1, -1):
            self.put(value >> i & 1, 1)
