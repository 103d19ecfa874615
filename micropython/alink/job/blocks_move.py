# A download in blocks: what moves, loaded while it does. MIT licence.
#
# The reply's payload is read off the socket in pieces, never held whole: session.py stops in front
# of it where it is claimed, and reads past it where it is not. While blocks come nothing is
# allocated: a header is read to where the next piece will lie, and scanned there without a parser.

import time

from micropython import const

from .. import parts

_E_SUBSCRIBE = const(6)
_E_TIMEOUT = const(7)
_E_HTTP_LENGTH = const(42)
_E_BLOCK = const(47)
_E_BLOCK_REFUSED = const(48)

_CRC = const(1)  # for blocks_bad.py

_CLOSED = const(259)  # see session.py

_BLOCK = const(4096)
_BRACE = const(123)
_HEAD_MAX = const(512)  # bytes of JSON looked at; the platform's have about 130
_IDS = const(600000000)  # those of requests begin here, out of reach of Device.next_id()

# Where the digits stand in the request, from its end: see blocks_rest.py.
_SIZE_AT = const(-38)
_OFFSET_AT = const(-20)
_ID_AT = const(-2)

# What scan() looks for: hashes of id, code, bSize, bOffset, fileLength (see there). Another key
# that has the same by chance does no harm but to make a good block a bad one.
_KEYS = (3355, 3059181, 807811, 4128661, 1838978)


# For the CRC-16/ARC (0x8005 with its bits turned round), four bits at a time. A table for eight
# would have 512 bytes of RAM; viper would be 30 times as fast, but an .mpy with machine code runs
# on one family of chips only. It does not see zero bytes at the start.
_TABLE = (
    0x0000,
    0xCC01,
    0xD801,
    0x1400,
    0xF001,
    0x3C00,
    0x2800,
    0xE401,
    0xA001,
    0x6C00,
    0x7800,
    0xB401,
    0x5000,
    0x9C01,
    0x8801,
    0x4400,
)


def blocks(source):
    """What MqttSource.readinto() returns, one after the other, until something is wrong.

    What is wrong is a negative number, see blocks_bad.fault(), and the last one; where it is one
    that stands in the header, that is put into source.n.
    """
    device = source.device
    packet = source.packet
    table = _TABLE
    crc = at = n = size = count = left = 0
    link = block = None
    found = [0, 0, 0, 0, 0]
    one = bytearray(1)
    last = time.ticks_ms()  # of the last request
    while True:
        # The request, when its time has come.
        now = time.ticks_ms()
        link = device._link
        if not device.connected or device._signing or 0 <= time.ticks_diff(now, last) < source.gap:
            yield None
            continue
        if source.entry[2] > 1:
            yield -_E_SUBSCRIBE
        left = min(source.size - source.offset, source.limit if source.offset else _BLOCK)
        source.id += 1
        _put(packet, _ID_AT, 9, source.id)
        _put(packet, _SIZE_AT, 6, left)
        _put(packet, _OFFSET_AT, 8, source.offset)
        last = now
        # The next message on the topic is taken, until all of it has come; session.py stops
        # in front of its payload.
        if link.stream is not source.topic:
            link.stream = source.topic
            link.view = memoryview(link.buf)[: len(source.topic)]
        link.claimed = True
        if not exchange(source, None, 0):
            continue
        source.session = device.session
        block = source.block  # free while a header comes: the piece before it is complete
        while True:
            # Its reply, which begins with the size of a header.
            while link.left <= 0:
                if time.ticks_diff(time.ticks_ms(), last) > source.timeout:
                    yield -_E_TIMEOUT
                yield None
            if link.left < 2:
                yield -_E_BLOCK
            source.unvouched = crc = at = size = 0
            n = 2
            while True:
                # n bytes into block; the first read has them all, as a rule.
                while at < n:
                    count = exchange(source, one if at else block, 1 if at else n)
                    if not count:
                        yield None
                        continue
                    if at:
                        block[at] = one[0]
                    at += count
                if size:
                    break
                first = block[0]
                size = first << 8 | block[1]
                n = link.left
                if first == _BRACE and size > n:
                    # An error may come as a JSON object alone: its first two bytes make a size
                    # of 31,500.
                    size = n = max(n, 0) + 2
                else:
                    at = 0
                if not 0 < size <= n:
                    yield -_E_BLOCK
                n = min(size, _HEAD_MAX)
            scan(block, n, found)
            if found[0] < _IDS or found[0] == source.id:
                if found[1] not in (200, -1):
                    source.n = found[1]
                    yield -_E_BLOCK_REFUSED
                if first == _BRACE or size > n or found[1] < 0 or found[3] < 0:
                    yield -_E_BLOCK
                if found[3] == source.offset:
                    break
            # Late, twice, or of another file: the one that was asked for may still come.
            # (Where there is no id, or none of the form that was sent, offset and length have
            # to do.)
            link.left = -link.left
        if 0 <= found[4] != source.size:
            source.n = found[4]
            yield -_E_HTTP_LENGTH
        if found[2] != left or link.left != left + 2:
            yield -_E_BLOCK
        while left:
            block = source.buf
            count = exchange(source, block, min(source.n, left))
            if not count:
                yield None
                continue
            for at in range(count):
                crc ^= block[at]
                crc = table[crc & 15] ^ crc >> 4
                crc = table[crc & 15] ^ crc >> 4
            left -= count
            if left:
                source.offset += count
                source.unvouched += count
                yield count
        at = 0
        while at < 16:
            if not exchange(source, one, 1):
                yield None
                continue
            crc ^= one[0] << at
            at += 8
        if crc:
            yield -_CRC
        link.claimed = False
        source.unvouched = 0
        source.session = -1
        source.offset += count
        yield count


def exchange(source, buf, n):
    """Up to `n` bytes of the claimed message's payload into `buf` -> how many, None: nothing is
    there. With None for `buf` the request is sent -> 1, or None: it is lost.

    Never reads past the payload. A link that breaks shows in the Device, not as an exception.
    """
    device = source.device
    link = device._link
    if link is None:
        return None
    try:
        if buf is None:
            link.send(source.packet, len(source.packet))
            return 1
        if link.left <= 0:
            return None
        count = link.sock.readinto(buf, min(n, link.left))
        if count:
            link.left -= count
            return count
        if count == 0:
            device._lost(parts.ask("faults", "ended", _CLOSED))
    except (OSError, ValueError, MemoryError) as exc:
        device._lost(exc)
        return None
    except BaseException:
        device._drop()  # what follows could not be understood
        raise


def _put(packet, at, width, number):
    # The number's decimal digits, behind blanks; at: where they end, from the packet's end.
    for i in range(at - 1, at - width - 1, -1):
        packet[i] = 48 + number % 10 if number or i == at - 1 else 32
        number //= 10


def scan(buf, end, found):
    """Find the numbers of _KEYS in the JSON of buf[:end], which may be cut off anywhere.

    found: list, to be filled: -1 where there is no whole number. Keys count at any depth and in
    any order; of two equal ones the last. Allocates nothing, never raises.
    """
    for i in range(len(_KEYS)):
        found[i] = -1
    at = 0
    while at < end:
        at += 1
        if buf[at - 1] != 34:
            continue
        key = 0
        while at < end and buf[at] != 34:
            key = (key * 31 + buf[at]) & 0x3FFFFF
            at += 2 if buf[at] == 92 else 1
        at += 1
        while at < end and buf[at] <= 32:
            at += 1
        if at >= end or buf[at] != 58 or key not in _KEYS:
            continue  # a value, or of no interest
        at += 1
        while at < end and buf[at] <= 32:
            at += 1
        # Pushes have codes as strings: a quoted number is one, too. More than nine digits would
        # not be a small integer on the chip. Cut off in the middle it is another number.
        quoted = at < end and buf[at] == 34
        i = first = at + quoted
        number = 0
        while i < end and 48 <= buf[i] <= 57 and i < first + 9:
            number = number * 10 + buf[i] - 48
            i += 1
        if not first < i < end or buf[i] not in (b'"' if quoted else b",}] \t\r\n"):
            number = -1
        found[_KEYS.index(key)] = number
