# A download in blocks: what moves, loaded while it does. MIT licence.
#
# The reply's payload is read off the socket in pieces, never held whole: packets.py stops in front
# of it where it is claimed, and reads past it where it is not. While blocks come nothing is
# allocated: a header is read to where the next piece will lie, and scanned there without a parser.

import time

from micropython import const

from .. import parts

_E_SUBSCRIBE = const(6)
_E_TIMEOUT = const(7)

_CRC = const(1)  # for blocks_bad.py

_BLOCK = const(4096)
# Places in `want`, behind what a header has: bytes at once, ms between requests, and for a reply.
_LIMIT = const(5)
_GAP = const(6)
_TIMEOUT = const(7)
_HEAD_MAX = const(512)  # bytes of JSON looked at; the platform's have about 130

# Where the last digits of numbers stand in the request, from its end: see blocks_rest.py.
_SIZE_AT = const(-39)
_OFFSET_AT = const(-21)
_ID_AT = const(-3)
_FIRST = const(-45)  # what is in front of them all


def blocks(source):
    """What MqttSource.readinto() returns, one after the other, until something is wrong.

    What is wrong is a negative number, see blocks_bad.fault(), and the last one; where it is one
    that stands in the header, that is put into source.n. 0: the other side has closed. Never reads
    past the message's payload (link.left). Raises what sockets do.
    """
    device = source.device
    packet = source.packet
    topic = source.entry[0]
    # (Here, not in the globals: a module's table has places for its names, and each takes RAM.)
    # For the CRC-16/ARC (0x8005 with its bits turned round), four bits at a time. A table for
    # eight would have 512 bytes of RAM; viper would be 30 times as fast, but an .mpy with machine
    # code runs on one family of chips only. It does not see zero bytes at the start.
    # fmt: off
    table = (
        0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
        0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400,
    )
    # fmt: on
    # What scan() finds in a header (see there), and what it ought to.
    want = source.want
    found = want[:]
    last = time.ticks_ms()  # of the last request
    while True:
        # The request, when its time has come.
        if (
            not device.connected
            or device._signing
            or 0 <= time.ticks_diff(time.ticks_ms(), last) < want[_GAP]
        ):
            yield None
            continue
        link = device._link
        one = link.buf  # free while it is read from here: see packets.py
        if source.entry[2] > 1:
            yield -_E_SUBSCRIBE
        want[3] = at = source.offset
        want[2] = left = min(want[4] - at, want[_LIMIT] if at else _BLOCK)
        want[0] = count = want[0] + 1
        # Digits, and blanks in front of them; 0 may be the offset alone.
        for n in range(_ID_AT, _FIRST, -1):
            if n == _OFFSET_AT:
                count = at
            elif n == _SIZE_AT:
                count = left
            if packet[n] == 32 or 48 <= packet[n] < 58:
                packet[n] = 48 + count % 10 if count or n == _OFFSET_AT else 32
                count //= 10
        last = time.ticks_ms()
        # The next message on the topic is taken, until all of it has come; packets.py stops
        # in front of its payload.
        if link.stream is not topic:
            link.stream = topic
            link.view = memoryview(link.buf)[: len(topic)]
        link.claimed = True
        link.send(packet, len(packet))
        source.session = device.session
        block = source.block  # free while a header comes: the piece before it is complete
        while True:
            # Its reply, which begins with the size of a header.
            while link.left <= 0:
                if time.ticks_diff(time.ticks_ms(), last) > want[_TIMEOUT]:
                    yield -_E_TIMEOUT
                yield None
            source.unvouched = crc = at = size = 0
            n = min(link.left, 2)
            while at < n:
                # n bytes into block; the first read has them all, as a rule.
                count = link.sock.readinto(one if at else block, 1 if at else n)
                if not count:
                    yield count
                    continue
                link.left -= count
                if at:
                    block[at] = one[0]
                at += count
                if at == n and not size:
                    size = block[0] << 8 | block[1]
                    if size <= link.left:
                        at = 0
                    # (Else it may be JSON alone: see blocks_bad.judge().)
                    n = min(size, link.left + at, _HEAD_MAX)
            # Where there is no id, and no length of the file, the others have to do.
            found[0] = want[0]
            found[1] = found[2] = found[3] = -1
            found[4] = want[4]
            scan(block, n, found)
            if found == want and size == n and link.left == left + 2:
                break
            count = parts.ask("job.blocks_bad", "judge", source, found, size, n)
            if count < 0:
                yield count
            if count:
                break
            # Late, twice, or of another file: the one that was asked for may still come.
            link.left = -link.left
        while left:
            block = source.buf
            count = link.sock.readinto(block, min(source.n, left))
            if not count:
                yield count
                continue
            link.left -= count
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
            n = link.sock.readinto(one, 1)
            if not n:
                yield n
                continue
            link.left -= 1
            crc ^= one[0] << at
            at += 8
        if crc:
            yield -_CRC
        link.claimed = False
        source.unvouched = 0
        source.session = -1
        source.offset += count
        yield count


def scan(buf, end, found):
    """Find the numbers of these keys in the JSON of buf[:end], which may be cut off anywhere.

    found: list, to be changed where there is such a key: -1 where it has no whole number. Keys
    count at any depth and in any order; of two equal ones the last. Allocates nothing, never
    raises.
    """
    # Hashes of id, code, bSize, bOffset, fileLength. Another key that has the same by chance does
    # no harm but to make a good block a bad one.
    keys = (3355, 3059181, 807811, 4128661, 1838978)
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
        if at >= end or buf[at] != 58 or key not in keys:
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
        found[keys.index(key)] = number
