# A download in blocks over the MQTT session that is already open. MIT licence.
#
# One request, one reply, and a gap ("OTA updates", 89307; protocol of thing/file/download). The
# reply's payload is read off the socket in pieces, never held whole: session.py stops in front of
# it where it is claimed, and reads past it where it is not. While blocks come nothing is
# allocated: a header is read to where the next piece will lie, and scanned there without a parser.
# What is done once is in blocks_rest.py, what is said of failures in blocks_bad.py. RAM: the
# request (350 bytes) and a table of 512.

import time

from micropython import const

from .. import parts
from ..errors import AlinkError

_E_SUBSCRIBE = const(6)
_E_TIMEOUT = const(7)
_E_HTTP_LENGTH = const(42)
_E_BLOCK = const(47)
_E_BLOCK_REFUSED = const(48)

_CLOSED = const(259)  # see session.py

_BLOCK = const(4096)
_BLOCK_MAX = const(131072)
_BRACE = const(123)
_HEAD_MAX = const(512)  # bytes of JSON looked at; the platform's have about 130
_IDS = const(600000000)  # those of requests begin here, out of reach of Device.next_id()

# Where the digits stand in the request.
_ID_AT = const(7)
_SIZE_AT = const(64)
_OFFSET_AT = const(80)

# What scan() looks for: hashes of id, code, bSize, bOffset, fileLength (see there). Another key
# that has the same by chance does no harm but to make a good block a bad one.
_KEYS = (3355, 3059181, 807811, 4128661, 1838978)


class MqttSource:
    """One file of the platform's, in blocks; opened as often as it is resumed.

    A Source (https.py), but for deriving from it: that code would only lie beside this.

    device: Device, whose session is used. block_size: int, bytes asked for at once, a multiple of
    4096 up to 131072; the first block of a file is 4096 in any case, since what is in it is acted
    on at once. gap_ms: at least so long from one request to the next; doubled, up to 1 s, each
    time a reply stays away. reply_timeout_ms: how long one is waited for. Raises ValueError for
    another block_size.

    While the device is not connected nothing comes, and nothing is wrong: what was lost is asked
    for again then. readinto() raises AlinkError: TIMEOUT when a reply stays away, BLOCK for one
    that is damaged, BLOCK_REFUSED when the platform answers with an error, HTTP_LENGTH when its
    file has another size, SUBSCRIBE when it does not let the device listen.
    """

    config = {"stall_timeout_ms": 0x1FFFFFFF}

    def __init__(self, device, block_size=_BLOCK, gap_ms=100, reply_timeout_ms=10000):
        if block_size not in range(_BLOCK, _BLOCK_MAX + 1, _BLOCK):
            parts.ask("job.retry", "check", None, block_size)  # says what is wrong with it
        self.device = device
        self.limit = block_size
        self.gap_ms = self.gap = gap_ms
        self.timeout = reply_timeout_ms
        self.last = time.ticks_ms()  # of the last request
        # The topic of replies and the Device's entry of it, the request, (streamId, fileId), what
        # comes, the table of the CRC, and what readinto() was called with.
        self.topic = self.entry = self.packet = self.name = self.run = self.table = self.buf = None
        self.block = self.stream = None
        # start: of the text in the request.
        self.start = self.id = self.offset = self.size = self.unvouched = self.n = 0
        self.session = -1  # in which a reply is waited for

    def open(self, file, offset, size):
        """Get ready to ask for `file` from byte `offset` on. Sends nothing yet. Returns offset, or
        None while the topic is being subscribed to: what moves is not loaded beside that.
        """
        device = self.device
        waits = device.connected and device._signing
        if self.run is None or self.offset != offset or not waits:
            parts.ask("job.blocks_rest", "open", self, file, offset, size)
            self.run = self._blocks()
        return None if device.connected and device._signing else offset

    def readinto(self, buf, n):
        """See Source: up to `n` bytes into buf, the block's last ones once its CRC is right."""
        device = self.device
        if self.session >= 0 and (device.session != self.session or not device.connected):
            # The reply has died with its connection; what came of it before is as good as TCP,
            # and the digest of the file has the last word.
            self.session = -1
            self.unvouched = 0
            self.run = self._blocks()
            n = self.offset % _BLOCK
            self.offset -= n
            return -1 if n else None
        self.buf = buf
        self.n = n
        return next(self.run)

    def _blocks(self):
        # What readinto() returns, one after the other.
        device = self.device
        packet = self.packet
        table = self.table
        one = bytearray(1)
        two = bytearray(2)
        found = [0, 0, 0, 0, 0]
        start = self.start
        while True:
            # The request, when its time has come.
            now = time.ticks_ms()
            link = device._link
            if (
                not device.connected
                or device._signing
                or 0 <= time.ticks_diff(now, self.last) < self.gap
            ):
                yield None
                continue
            if self.entry[2] > 1:
                self._fail(_E_SUBSCRIBE, found)
            left = min(self.size - self.offset, self.limit if self.offset else _BLOCK)
            self.id += 1
            _put(packet, start + _ID_AT, 9, self.id)
            _put(packet, start + _SIZE_AT, 6, left)
            _put(packet, start + _OFFSET_AT, 8, self.offset)
            self.last = now
            # The next message on the topic is taken, until all of it has come; session.py stops
            # in front of its payload.
            if link.stream is not self.topic:
                link.stream = self.topic
                link.view = memoryview(link.buf)[: len(self.topic)]
            link.claimed = True
            if not self._exchange(None, 0):
                continue
            self.session = device.session
            block = self.block  # free while a header comes: the piece before it is complete
            while True:
                # Its reply, which begins with the size of a header.
                while link.left <= 0:
                    if time.ticks_diff(time.ticks_ms(), self.last) > self.timeout:
                        self._fail(_E_TIMEOUT, found)
                    yield None
                if link.left < 2:
                    self._fail(_E_BLOCK, found)
                self.unvouched = crc = at = size = 0
                buf = two
                n = 2
                while True:
                    # n bytes into buf; the first read has them all, as a rule.
                    while at < n:
                        count = self._exchange(one if at else buf, 1 if at else n)
                        if not count:
                            yield None
                            continue
                        if at:
                            buf[at] = one[0]
                        at += count
                    if size:
                        break
                    size = two[0] << 8 | two[1]
                    buf = block
                    n = link.left
                    at = 0
                    if two[0] == _BRACE and size > n:
                        # An error may come as a JSON object alone: its first two bytes make a size
                        # of 31,500.
                        size = n = max(n, 0) + 2
                        block[0] = _BRACE
                        block[1] = two[1]
                        at = 2
                    if not 0 < size <= n:
                        self._fail(_E_BLOCK, found)
                    n = min(size, _HEAD_MAX)
                scan(block, n, found)
                if found[0] < _IDS or found[0] == self.id:
                    if found[1] not in (200, -1):
                        self._fail(_E_BLOCK_REFUSED, found)
                    if two[0] == _BRACE or size > n or found[1] < 0 or found[3] < 0:
                        self._fail(_E_BLOCK, found)
                    if found[3] == self.offset:
                        break
                # Late, twice, or of another file: the one that was asked for may still come.
                # (Where there is no id, or none of the form that was sent, offset and length have
                # to do.)
                link.left = -link.left
            if 0 <= found[4] != self.size:
                self._fail(_E_HTTP_LENGTH, found)
            if found[2] != left or link.left != left + 2:
                self._fail(_E_BLOCK, found)
            while left:
                buf = self.buf
                count = self._exchange(buf, min(self.n, left))
                if not count:
                    yield None
                    continue
                if count == len(buf):
                    for byte in buf:
                        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
                else:
                    for at in range(count):
                        crc = table[(crc ^ buf[at]) & 0xFF] ^ crc >> 8
                left -= count
                if left:
                    self.offset += count
                    self.unvouched += count
                    yield count
            at = 0
            while at < 16:
                if not self._exchange(one, 1):
                    yield None
                    continue
                crc ^= one[0] << at
                at += 8
            if crc:
                self._fail(_E_BLOCK, None)
            link.claimed = False
            self.unvouched = 0
            self.session = -1
            self.offset += count
            yield count

    def _fail(self, code, found):
        parts.ask("job.blocks_bad", "fault", self, code, found)

    def _exchange(self, buf, n):
        """Up to `n` bytes of the claimed message's payload into `buf` -> how many, None: nothing
        is there. With None for `buf` the request is sent -> 1, or None: it is lost.

        Never reads past the payload. A link that breaks shows in the Device, not as an exception.
        """
        device = self.device
        link = device._link
        if link is None:
            return None
        try:
            if buf is None:
                link.send(self.packet, len(self.packet))
                return 1
            if link.left <= 0:
                return None
            count = link.sock.readinto(buf, min(n, link.left))
            if count == 0:
                raise parts.ask("faults", "ended", _CLOSED)
        except (OSError, ValueError, AlinkError, MemoryError) as exc:
            device._lost(exc)
            return None
        except BaseException:
            device._drop()  # what follows could not be understood
            raise
        if count:
            link.left -= count
        return count

    def close(self):
        """Stop; what still comes of a reply is read past. Again is harmless."""
        entry = self.entry
        if entry is not None:
            link = self.device._link
            if link is not None and self.session >= 0:
                link.claimed = False
                link.left = -abs(link.left)
            topics = self.device._topics
            if self.block is None and entry in topics:
                # The download is over: not asked for in the next session.
                topics.remove(entry)
                self.entry = self.packet = self.name = self.table = None
        self.session = -1
        self.stream = self.run = None


def _put(packet, at, width, number):
    # The number's decimal digits, behind blanks.
    i = at + width
    while i > at:
        i -= 1
        packet[i] = 48 + number % 10 if number or i == at + width - 1 else 32
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
