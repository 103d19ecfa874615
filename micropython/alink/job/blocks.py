# A download in blocks over the MQTT session that is already open. MIT licence.
#
# One request, one reply, and a gap ("OTA updates", 89307; protocol of thing/file/download). The
# reply's payload is read off the socket in pieces, never held whole: session.py stops in front of
# it where it is claimed, and reads past it where it is not. While blocks come nothing is
# allocated: a header is read to where the next piece will lie, and scanned there without a parser.
# What is done once, and what is said of failures, is in blocks_rest.py. RAM: the request (350
# bytes) and a table of 512.

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


class Stream:
    """The messages on `topic` (str) of a Device, which subscribes to it with its next poll().

    A message is taken between claim() and release(), its payload read with readinto(); others on
    the topic are read past. One Stream a Device at a time.
    """

    def __init__(self, device, topic):
        device.subscribe(topic, None)
        self._device = device
        self._name = topic
        self._topic = topic.encode()

    @property
    def ready(self):
        """Whether a message can be asked for: signed in, and each subscription confirmed."""
        return self._device.connected and not self._device._signing

    @property
    def refused(self):
        """Whether the platform does not let the Device listen to the topic."""
        for one in self._device._topics:
            if one[0] == self._name:
                return one[2] > 1
        return False

    def claim(self):
        """Take the next message, until release() or the session's end."""
        link = self._device._link
        if link is not None:
            if link.stream is not self._topic:
                link.stream = self._topic
                link.view = memoryview(link.buf)[: len(self._topic)]
            link.claimed = True

    def release(self):
        """Take no message any more; the rest of one under way is read past."""
        link = self._device._link
        if link is not None:
            link.claimed = False
            link.left = -abs(link.left)

    @property
    def left(self):
        """Bytes of the claimed message's payload not read yet (int), -1: none is under way."""
        link = self._device._link
        return link.left if link is not None and link.left > 0 else -1

    def readinto(self, buf, n=-1):
        """Up to `n` bytes (-1: as many as fit) of the claimed message's payload into `buf` -> how
        many, None: nothing is there.

        Never reads past the payload. A link that breaks shows in the Device, not as an exception.
        """
        device = self._device
        link = device._link
        if link is None or link.left <= 0:
            return None
        if n < 0:
            n = len(buf)
        try:
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

    def send_prepared(self, packet):
        """Send a message that blocks_rest.prepare() made -> whether it left."""
        device = self._device
        if not device.connected:
            return False
        try:
            device._link.send(packet, len(packet))
        except (OSError, ValueError) as exc:
            device._lost(exc)
            return False
        return True

    def close(self):
        """Forget the topic; what may still come on it is no longer subscribed to next time."""
        self.release()
        topics = self._device._topics
        for one in topics:
            if one[0] == self._name:
                topics.remove(one)
                break


class MqttSource:
    """One file of the platform's, in blocks; opened as often as it is resumed.

    A download.Source, but for deriving from it: that code would only lie beside this.

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

    def __init__(self, device, block_size=_BLOCK, gap_ms=100, reply_timeout_ms=10000):
        if block_size not in range(_BLOCK, _BLOCK_MAX + 1, _BLOCK):
            parts.ask("job.retry", "check", None, block_size)  # says what is wrong with it
        self.config = {"stall_timeout_ms": 0x1FFFFFFF}
        self.block = self.stream = None
        self.unvouched = 0
        self.device = device
        self.limit = block_size
        self.gap_ms = self.gap = gap_ms
        self.timeout = reply_timeout_ms
        # A Stream, the request, (streamId, fileId), and what comes.
        self.net = self.packet = self.name = self.run = None
        self.start = 0  # of the text in the request
        self.id = self.offset = self.size = 0
        self.session = -1  # in which a reply is waited for
        self.last = time.ticks_ms()  # of the last request
        self.table = None  # of the CRC
        self.buf = None  # what readinto() was called with
        self.n = 0

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
        net = self.net
        packet = self.packet
        table = self.table
        one = bytearray(1)
        two = bytearray(2)
        found = [0, 0, 0, 0, 0]
        start = self.start
        while True:
            # The request, when its time has come.
            now = time.ticks_ms()
            if not net.ready or 0 <= time.ticks_diff(now, self.last) < self.gap:
                yield None
                continue
            if net.refused:
                self._fail(_E_SUBSCRIBE, found)
            left = min(self.size - self.offset, self.limit if self.offset else _BLOCK)
            self.id += 1
            _put(packet, start + _ID_AT, 9, self.id)
            _put(packet, start + _SIZE_AT, 6, left)
            _put(packet, start + _OFFSET_AT, 8, self.offset)
            self.last = now
            net.claim()
            if not net.send_prepared(packet):
                continue
            self.session = self.device.session
            block = self.block  # free while a header comes: the piece before it is complete
            while True:
                # Its reply, which begins with the size of a header.
                while net.left < 0:
                    if time.ticks_diff(time.ticks_ms(), self.last) > self.timeout:
                        self._fail(_E_TIMEOUT, found)
                    yield None
                if net.left < 2:
                    self._fail(_E_BLOCK, found)
                self.unvouched = crc = at = size = 0
                buf = two
                n = 2
                while True:
                    # n bytes into buf; the first read has them all, as a rule.
                    while at < n:
                        count = net.readinto(one if at else buf, 1 if at else n)
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
                    n = net.left
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
                net.release()
                net.claim()
            if 0 <= found[4] != self.size:
                self._fail(_E_HTTP_LENGTH, found)
            if found[2] != left or net.left != left + 2:
                self._fail(_E_BLOCK, found)
            while left:
                buf = self.buf
                count = net.readinto(buf, min(self.n, left))
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
                if not net.readinto(one, 1):
                    yield None
                    continue
                crc ^= one[0] << at
                at += 8
            if crc:
                self._fail(_E_BLOCK, None)
            net.release()
            self.unvouched = 0
            self.session = -1
            self.offset += count
            yield count

    def _fail(self, code, found):
        parts.ask("job.blocks_rest", "fault", self, code, found)

    def close(self):
        """Stop; what still comes of a reply is read past. Again is harmless."""
        net = self.net
        if net is not None:
            if self.session >= 0:
                net.release()
            if self.block is None:  # the download is over
                net.close()
                self.net = self.packet = self.name = self.table = None
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
