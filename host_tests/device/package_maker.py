# Packages (.alp) made by hand, as docs/package.md has them: in streams that press nothing, so that
# each byte of the operations stands where a test wants it. (The desk's own is
# tools/release/package_format.py: this one is for MicroPython.) MIT licence.

import hashlib

COPY, ADD, INSERT, SEEK = range(4)


def le32(number):
    """Four bytes, the low one first."""
    return bytes([number & 255, number >> 8 & 255, number >> 16 & 255, number >> 24 & 255])


# (Also in tools/release/package_format.py, on purpose: that does not run here.)
def number(value):
    """`value` in LEB128."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def op(kind, n, data=b""):
    """One operation of a difference; SEEK's n may be negative."""
    if kind == SEEK:
        n = (-n - 1) << 1 | 1 if n < 0 else n << 1
    return number(n << 2 | kind) + data


def stream(data, bits=10, last=True):
    """A zlib stream that inflates to `data`; last: bool, False where it is to end too early."""
    first = (bits - 8) << 4 | 8
    out = bytearray([first, 31 - (first << 8) % 31])
    for at in range(0, len(data) or 1, 60000):
        piece = data[at : at + 60000]
        n = len(piece)
        final = last and at + n == len(data)
        out += bytes([int(final), n & 255, n >> 8, n & 255 ^ 255, n >> 8 ^ 255])
        out += piece
    a = 1
    b = 0
    for byte in data:
        a = (a + byte) % 65521
        b = (b + a) % 65521
    return bytes(out) + bytes([b >> 8, b & 255, a >> 8, a & 255])


def bomb(matches):
    """A stream of zeros that does not end: 1 of them, and 258 for each 13 bits of `matches`."""
    bits = "110" + "00110000" + "1100010100000" * matches
    bits += "0" * (-len(bits) % 8)
    out = bytearray(b"\x28\x15")
    for at in range(0, len(bits), 8):
        byte = 0
        for i in range(8):
            byte |= int(bits[at + i]) << i
        out.append(byte)
    return bytes(out)


def head(image, source=b"", bits=10):
    """The 80 bytes of a package of `image`: of a difference, where there is a `source`."""
    kind = 2 if source else 1
    of_source = hashlib.sha256(source).digest() if source else bytes(32)
    return (
        bytes([0x89, 65, 76, 80, 1, kind, bits, 0])
        + le32(len(image))
        + hashlib.sha256(image).digest()
        + le32(len(source))
        + of_source
    )


def compressed(image):
    """A whole package of `image`."""
    return head(image) + stream(image)


def difference(image, source, *ops):
    """A package that makes `image` of `source` by these operations."""
    return head(image, source) + stream(b"".join(ops))
