# MQTT packets off a stream that may stop anywhere: never waits, never holds too much. MIT licence.
#
# RAM: two buffers of 256 bytes, made once; while a message of more than 256 bytes arrives, its own
# size, and that twice for the moment in which it is handed over. A message over max_message is
# read past in pieces. What MQTT does not allow raises AlinkError(PROTOCOL): a stream that lost its
# frame cannot be mended, only dropped.

import time

from micropython import RingIO, const

from . import errors
from .errors import AlinkError
from .reader import EOF, Reader

# What read() found.
NOTHING = const(0)  # nothing has arrived
PART = const(1)  # something did; the packet is not complete yet
MESSAGE = const(2)  # a PUBLISH: .topic, .payload, .pid (0: QoS 0)
SKIPPED = const(3)  # a PUBLISH that is too large or of QoS 2: .topic (None: too long), .pid
PUBACK = const(4)  # .pid
SUBACK = const(5)  # .pid, .codes
PINGRESP = const(6)
OTHER = const(7)  # a packet that a client has no use for, read past
STREAM = const(8)  # a PUBLISH on the claimed topic: .left bytes of payload are for stream_into()

_PUBLISH = const(0x30)
_PUBACK = const(0x40)
_SUBACK = const(0x90)
_PINGRESP = const(0xD0)

# Stages of the packet that is arriving.
_TYPE = const(0)
_LENGTH = const(1)
_TOPIC_LENGTH = const(2)
_TOPIC = const(3)
_PID = const(4)
_PAYLOAD = const(5)
_BODY = const(6)
_SKIP = const(7)
_STREAM = const(8)

_PIECE = const(256)  # read at once; also the longest topic taken (the platform's limit is 128)
_PIECES = const(32)  # in one read(): up to 8 KiB, then the caller gets its turn


class PacketReader:
    """Takes packets off a non-blocking stream; max_message is in bytes of payload.

    Attributes of the packet found last: topic, payload, pid, codes. heard_at: ticks of the last
    byte; began_at: of the first byte of the packet that is arriving, when `busy`.

    One topic may be streamed (expect()). While `claimed`, its next message is not taken: read()
    returns STREAM in front of the payload, and NOTHING until stream_into() has handed out all of
    it. Unclaimed its messages are read past. streamed: bool, the packet found last was one.
    """

    def __init__(self, max_message):
        self._max_message = max_message
        self._reader = Reader(_PIECE)
        self._piece = bytearray(_PIECE)
        self._view = memoryview(self._piece)
        self._op = self._left = self._shift = 0
        self._stage = _TYPE
        self._stream_topic = self._stream_view = None
        self._stream_size = 0
        self.attach(None)

    def attach(self, stream):
        """Read from `stream` (its readinto(buf, n) does not block) from now on, from the start."""
        self._reader.attach(stream)
        self._stream = stream
        self.claimed = self.streamed = False
        self.heard_at = self.began_at = time.ticks_ms()
        self.topic = self.payload = self._ring = None
        self.codes = b""
        self.pid = 0
        self._end(NOTHING)

    @property
    def busy(self):
        """Whether a packet has begun to arrive."""
        return self._stage != _TYPE

    def expect(self, topic):
        """Stream the messages on `topic` (bytes, at most 256) from now on."""
        self._stream_view = memoryview(self._piece)[: len(topic)]
        self._stream_topic = topic
        self._stream_size = len(topic)

    @property
    def left(self):
        """Bytes of the streamed payload that are still to be read; -1: none is under way."""
        return self._left if self._stage == _STREAM else -1

    def stream_into(self, buf, n):
        """Up to `n` bytes of the streamed payload into buf -> how many, None: nothing there.

        Never reads past the payload; its last byte ends the packet. Allocates nothing. Raises as
        read() does.
        """
        if self._stage != _STREAM or not self._left:
            return None
        count = self._stream.readinto(buf, min(n, self._left))
        if count is None:
            return None
        if count == 0:
            raise _closed()
        self.heard_at = time.ticks_ms()
        self._left -= count
        if not self._left:
            self._end(STREAM)
        return count

    def release(self):
        """Give the topic back; what is left of its message is read past by read()."""
        self.claimed = False
        if self._stage == _STREAM:
            self._stage = _SKIP
            self._want = min(self._left, _PIECE)

    def read(self):
        """Take what has arrived, up to one packet or 8 KiB -> one of the constants above.

        Allocates nothing while nothing arrives. Raises OSError or ValueError when the connection
        is broken, AlinkError: LINK when the other side closed it, PROTOCOL for malformed input.
        """
        if self._stage == _STREAM:
            return NOTHING
        for _ in range(_PIECES):
            held = self._reader.any()
            count = self._reader.readinto(self._piece, self._want)
            if count == 0:
                if self._reader.any() == held:
                    return NOTHING
                self.heard_at = time.ticks_ms()
                return PART
            if count == EOF:
                raise _closed()
            self.heard_at = time.ticks_ms()
            found = self._take(count)
            if found:
                return found
        return PART

    def _take(self, count):
        # One piece is complete; NOTHING: go on with the next one.
        stage = self._stage
        if stage == _TYPE:
            self._op = self._piece[0]
            self._left = self._shift = 0
            self.began_at = self.heard_at
            self._stage = _LENGTH
        elif stage == _LENGTH:
            return self._length(self._piece[0])
        elif stage == _TOPIC_LENGTH:
            return self._topic_length()
        elif stage == _TOPIC:
            self._topic_left -= count
            if self._topic_left:
                self._want = min(self._topic_left, _PIECE)
                return NOTHING
            if self.topic is not None:
                self.streamed = (
                    count == self._stream_size and self._stream_view == self._stream_topic
                )
                if not self.streamed:
                    self.topic = _text(self._view[:count])
            return self._after_topic()
        elif stage == _PID:
            self.pid = self._piece[0] << 8 | self._piece[1]
            if not self.pid:
                raise _malformed("packet id 0")
            return self._begin_payload()
        elif stage == _PAYLOAD:
            if self._ring is None:
                self.payload = bytes(self._view[:count])
                return self._end(MESSAGE)
            self._ring.write(self._piece, count)
            self._left -= count
            if not self._left:
                return self._whole_payload()
            self._want = min(self._left, _PIECE)
        elif stage == _BODY:
            return self._body(count)
        else:
            self._left -= count
            if not self._left:
                return self._end_skip()
            self._want = min(self._left, _PIECE)
        return NOTHING

    def _length(self, digit):
        self._left |= (digit & 0x7F) << self._shift
        if digit & 0x80:
            self._shift += 7
            if self._shift > 21:
                raise _malformed("remaining length")
            return NOTHING
        kind = self._op & 0xF0
        self.topic = self.payload = None
        self.streamed = False
        self.pid = 0
        if kind == _PUBLISH:
            if self._op & 6 == 6 or self._left < 2:
                raise _malformed("PUBLISH head")
            self._stage = _TOPIC_LENGTH
            self._want = 2
        elif self._left == 0:
            return self._end(PINGRESP if kind == _PINGRESP else OTHER)
        elif kind in (_PUBACK, _SUBACK) and self._left <= _PIECE:
            self._stage = _BODY
            self._want = self._left
        else:
            return self._skip()
        return NOTHING

    def _topic_length(self):
        size = self._piece[0] << 8 | self._piece[1]
        self._left -= 2 + size + (2 if self._op & 6 else 0)
        if not size or self._left < 0:
            raise _malformed("topic length")
        # A topic that is too long to be one of ours is read past, so that its packet id is found.
        self.topic = "" if size <= _PIECE else None
        self._topic_left = size
        self._stage = _TOPIC
        self._want = min(size, _PIECE)
        return NOTHING

    def _after_topic(self):
        if not self._op & 6:
            return self._begin_payload()
        self._stage = _PID
        self._want = 2
        return NOTHING

    def _begin_payload(self):
        if self.streamed and self.claimed and not self._op & 4 and self._left:
            self._stage = _STREAM
            return STREAM
        if self.streamed:
            return self._skip()
        if self.topic is None or self._left > self._max_message or self._op & 4:
            return self._skip()
        self._stage = _PAYLOAD
        self._want = min(self._left, _PIECE)
        if not self._left:
            self.payload = b""
            return self._end(MESSAGE)
        if self._left > _PIECE:
            try:
                self._ring = RingIO(self._left)
            except MemoryError:
                return self._skip()
        return NOTHING

    def _whole_payload(self):
        ring = self._ring
        self._ring = None
        try:
            self.payload = ring.read()
        except MemoryError:
            return self._end_skip()
        return self._end(MESSAGE)

    def _skip(self):
        self._ring = None
        self._stage = _SKIP
        self._want = min(self._left, _PIECE)
        return NOTHING if self._left else self._end_skip()

    def _end_skip(self):
        if self._op & 0xF0 != _PUBLISH:
            return self._end(OTHER)
        if self._op & 4:
            self.pid = 0  # the platform has no QoS 2, and a PUBACK would be the wrong answer
        return self._end(SKIPPED)

    def _body(self, count):
        if count < 2:
            raise _malformed("acknowledgement")
        self.pid = self._piece[0] << 8 | self._piece[1]
        if self._op & 0xF0 == _PUBACK:
            return self._end(PUBACK)
        self.codes = bytes(self._view[2:count])
        return self._end(SUBACK)

    def _end(self, found):
        self._stage = _TYPE
        self._want = 1
        return found


def _closed():
    return AlinkError(errors.LINK, "closed by the other side")


def _text(view):
    try:
        return str(view, "utf-8")
    except UnicodeError:
        raise _malformed("topic is not UTF-8")


def _malformed(what):
    return AlinkError(errors.PROTOCOL, "malformed MQTT packet: " + what)
