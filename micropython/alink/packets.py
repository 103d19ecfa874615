# What arrives on an MQTT 3.1.1 session: its packets, off a stream. MIT licence.
#
# Packets come off a stream that may stop anywhere: they are put together by a generator, whose
# variables are what a class would need attributes and names for. It never waits and never holds
# too much. What MQTT does not allow raises AlinkError(PROTOCOL): a stream that lost its frame
# cannot be mended, only dropped.
#
# In an image for the ESP32 this is machine code, which lies in memory that can hold nothing else
# there, and what it is here stands beside it as bytecode.mpy (tools/images/machine.py).

import time

from micropython import RingIO, const

from . import log, parts

# How it ends, for faults.py, which has the words; a number below 256 is the type of a packet that
# cannot be.
_HALF = const(256)
_NO_PUBACK = const(257)
_NO_PINGRESP = const(258)
_CLOSED = const(259)

# Stages of the packet that is arriving. Up to _BEGIN, a field is waited for until it is complete.
_TYPE = const(0)
_LENGTH = const(1)
_TOPIC_LENGTH = const(2)
_TOPIC = const(3)
_PID = const(4)
_ANSWER = const(5)  # PUBACK or SUBACK
_BEGIN = const(6)  # of a payload: what becomes of it?
_PAYLOAD = const(7)
_SKIP = const(8)
_STREAM = const(9)  # whoever claimed it reads it

_GUARD_MS = const(300)  # behind the sign-in: see idf.py

_PUBLISH = const(3)
_PUBACK = const(4)
_SUBACK = const(9)
_PINGRESP = const(13)

_PIECE = const(128)  # read at once; also the longest topic taken, as long as the platform has any
_PIECES = const(64)  # from one yield to the next: 8 KiB, then the caller gets its turn
_SKIPS_TOLD = const(8)


def packets(link, limits):
    """Each next() takes what has arrived, up to one packet or 8 KiB.

    Gives None when nothing is there; a message's payload (bytes), its topic (str) being in
    link.topic, which the following next() acknowledges; True for anything else. Sends a ping
    every ping_ms. Allocates nothing while nothing arrives.

    most: int, bytes of payload; a longer message is read past in pieces, and acknowledged, or
    the platform would send it again for ever. on_long(topic, size) says who gets the pieces
    meanwhile: None, or a function of buf and n (0 at the end), which must not raise. A message
    on link.stream (str; link.view is as much of link.buf) is never taken: while link.claimed
    it stops in front of the payload, link.left bytes, until they have been read from link.sock
    and counted down; if `left` is made negative, so much is read past.

    Raises AlinkError: TIMEOUT for a ping or a QoS 1 message without an answer for ack_ms, half
    a packet and nothing more for ping_ms, a packet that takes longer than keep_ms; LINK when
    the other side has closed; PROTOCOL. OSError and ValueError when the connection is broken.
    """
    # (The compiler's first sixteen variables take the least code.)
    buf = link.buf
    stage = left = at = op = size = number = shift = reads = skips = 0
    want = 1
    now = pinged = heard = began = time.ticks_ms()
    passed = time.ticks_diff
    waiting = link.waiting
    streamed = False
    fresh = True
    found = told = None  # type: object
    scan = None  # type: type | None
    ring = None  # type: RingIO | None
    one = bytearray(1)
    sock = link.sock
    ack_ms, ping_ms, keep_ms, most = limits
    while True:
        now = time.ticks_ms()
        due = passed(now, pinged) >= ping_ms and 0 not in waiting
        if due or (fresh and passed(now, pinged) > _GUARD_MS):
            fresh = False
            parts.guard()
        if due:
            link.send(b"\xc0\0", 2)
            waiting[0] = pinged = now
        if reads == _PIECES:
            reads = 0
            yield True
        n = None
        if stage != _STREAM:
            # A field that comes in parts is put together byte by byte, without a slice.
            n = sock.readinto(one, 1) if at else sock.readinto(buf, want)
        elif link.left <= 0:
            left = -link.left
            link.left = 0
            stage = _SKIP
            n = -1
        elif link.left != left:
            left = link.left
            heard = now
        if n is None:
            # (Only now: what has arrived is not late.)
            if stage and (passed(now, heard) > ping_ms or passed(now, began) > keep_ms):
                raise parts.ask("faults", "ended", _HALF)
            for pid in waiting:
                if stage:
                    waiting[pid] = now  # it may stand behind this packet: its time begins anew
                elif passed(now, waiting[pid]) > ack_ms:
                    raise parts.ask("faults", "ended", _NO_PUBACK if pid else _NO_PINGRESP)
            reads = 0
            yield None
            continue
        if not n:
            raise parts.ask("faults", "ended", _CLOSED)
        if n > 0:
            reads += 1
            heard = now
            if at:
                buf[at] = one[0]
            at += n
            left -= n
            if at < want and stage < _PAYLOAD:
                continue
            at = 0

        if stage == _TYPE:
            op = buf[0]
            began = now
            size = shift = 0
            stage = _LENGTH
        elif stage == _LENGTH:
            size |= (buf[0] & 127) << shift
            shift += 7
            if buf[0] & 128:
                if shift > 21:
                    break
                continue
            left = size
            number = 0
            stage = _SKIP
            size = op >> 4
            if size == _PUBLISH:
                if op & 6 == 6 or left < 2:
                    break
                stage = _TOPIC_LENGTH
                want = 2
            elif left == 0:
                if size == _PINGRESP:
                    waiting.pop(0, None)
            elif size in (_PUBACK, _SUBACK) and left <= _PIECE:
                stage = _ANSWER
                want = left
        elif stage == _ANSWER:
            if want < 2:
                break
            stage = _SKIP
            size = buf[0] << 8 | buf[1]
            if op >> 4 == _SUBACK:
                link.answer = buf[:want]
            elif size:
                waiting.pop(size, None)
        elif stage == _TOPIC_LENGTH:
            size = shift = buf[0] << 8 | buf[1]
            if not size or left < size + (2 if op & 6 else 0):
                break
            stage = _TOPIC
            want = min(size, _PIECE)
        elif stage == _TOPIC:
            size -= want
            if size:
                # Too long to be ours: read past, to find its packet id.
                want = min(size, _PIECE)
                continue
            link.topic = None
            streamed = False
            if shift <= _PIECE:
                view = link.view
                streamed = view is not None and len(view) == want and view == link.stream
                if not streamed:
                    link.topic = buf[:want].decode()
            stage = _BEGIN
            if op & 6:
                stage = _PID
                want = 2
        elif stage == _PID:
            number = buf[0] << 8 | buf[1]
            if not number:
                break
            stage = _BEGIN
        elif stage == _PAYLOAD:
            ring.write(buf, n)
        elif scan is not None:
            scan(buf, n)

        if stage == _BEGIN:
            stage = _SKIP
            if op & 4:
                number = 0  # the platform has no QoS 2, and a PUBACK would be the wrong answer
            elif streamed:
                if link.claimed and left:
                    link.left = left
                    stage = _STREAM
            elif link.topic is not None:
                if left <= most:
                    try:
                        ring = RingIO(left or 1)
                        stage = _PAYLOAD
                    except MemoryError:
                        pass
                if stage == _SKIP and link.feeder.on_long is not None:
                    scan = link.feeder.on_long(link.topic, left)
        if _PAYLOAD <= stage <= _SKIP:
            want = min(left, _PIECE)
            if left:
                continue
            found = True
            if stage == _PAYLOAD:
                try:
                    found = ring.read(ring.any())  # (told how much, it takes no more)
                except MemoryError:
                    if link.feeder.on_long is not None:
                        scan = link.feeder.on_long(link.topic, ring.any())
                    while scan is not None and ring.any():
                        scan(buf, ring.readinto(buf))
                ring = None
            if scan is not None:
                scan(buf, 0)
                scan = None
            stage = _TYPE
            want = 1
            if found is not True:
                yield found
                found = None
            elif skips < _SKIPS_TOLD and (
                op >> 4 == _PUBLISH and not streamed and link.topic != told
            ):
                told = link.topic
                skips += 1
                log.info("too large,", "skipped:", told)
            if number:
                buf[0] = 0x40
                buf[1] = 2
                buf[2] = number >> 8
                buf[3] = number & 255
                link.send(buf, 4)
            reads = 0
            yield True
    raise parts.ask("faults", "ended", op)


def framed(code, *args):
    """A packet of first byte `code` (int) with `args` (bytes) -> bytearray."""
    size = 0
    for part in args:
        size += len(part)
    packet = bytearray((code,))
    while size > 127:
        packet.append(size & 127 | 128)
        size >>= 7
    packet.append(size)
    for part in args:
        packet += part
    return packet
