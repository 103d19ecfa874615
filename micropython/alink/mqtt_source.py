# A download in blocks over the MQTT session that is already open, in bounded steps. MIT licence.
#
# One request, one reply, and a gap ("OTA updates", 89307; protocol of thing/file/download). The
# reply's payload is read off the socket in chunks, never held whole: RAM is the same for every
# block size: the request (350 bytes), 514 bytes for a header, a table of 512, and the Reader's
# ring unless one is given. Between open() and close() nothing is allocated.

import time

from micropython import const

from . import block_head, crc16, errors
from .errors import AlinkError
from .fetch import CHUNK, check_block_size
from .reader import Reader

# What is waited for.
_CLOSED = const(0)
_ASK = const(1)  # the session, or the end of the gap
_REPLY = const(2)
_LENGTH = const(3)
_HEAD = const(4)
_DATA = const(5)
_CRC = const(6)

_BRACE = const(0x7B)
_QUOTE = const(0x22)
_GAP_MAX_MS = const(1000)
_GAP_STEP_MS = const(100)

# The digits are put in place later; blanks behind a number are JSON. Ids are ten digits: beyond
# those of Device.next_id(), within the platform's 32 bits, and counted in a small integer.
_REQUEST = (
    '{"id":"2000000000","version":"1.0","params":{"fileInfo":{"streamId":%d,"fileId":%d},'
    '"fileBlock":{"size":131072,"offset":16777216}}}'
)
_ID_MAX = const(999999999)
_ID_DIGITS = const(10)


class MqttSource:
    """One file of the platform's, in blocks; made once, opened as often as it is resumed.

    device: Device, whose session is used. reader: a Reader of 4096 bytes to use, or None for one
    of its own. block_size: int, bytes asked for at once, a multiple of 4096 up to 131072; the
    first block of a file is 4096 in any case, since what is in it is acted on at once. gap_ms: at
    least so long from one request to the next; doubled, up to 1 s, each time a reply stays away.
    reply_timeout_ms: how long one is waited for. Raises ValueError for another block_size.

    unvouched: int, bytes handed on since the last CRC that was right: after BLOCK those are
    damaged, after anything else 0.
    """

    def __init__(
        self, device, reader=None, *, block_size=CHUNK, gap_ms=100, reply_timeout_ms=10000
    ):
        check_block_size(block_size)
        own = "/sys/%s/%s/thing/file/download" % (device.product_key, device.device_name)
        self._device = device
        self._topic = own
        self._reader = reader or Reader(CHUNK)
        self._block_size = block_size
        self._gap_ms = self._gap = gap_ms
        self._reply_ms = reply_timeout_ms
        self._head = block_head.Head()
        view = memoryview(self._head.buf)
        self._json = view[2:]
        self._two = view[:2]
        self._stream = self._packet = None
        # All of them here: an object that gets another attribute may have to grow.
        self._number = self._id_at = self._size_at = self._offset_at = 0
        self._offset = self._size = self._left = self._total = 0
        self._json_size = self._want = self._crc = 0
        self._bare = False
        self._asked_at = time.ticks_ms()
        self._session = 0
        self._state = _CLOSED
        self.unvouched = 0

    def open(self, stream, offset, size):
        """Get ready to ask for `stream` ((streamId, fileId)) from byte `offset` on; the file has
        `size` bytes. Sends nothing yet. Returns offset.
        """
        self.close()
        self.unvouched = 0
        device = self._device
        device.stream(self._topic + "_reply")
        if stream != self._stream:
            self._stream = stream
            self._gap = self._gap_ms
            request = (_REQUEST % stream).encode()
            self._packet = device.prepare(self._topic, request)
            start = len(self._packet) - len(request)
            self._id_at = start + request.find(b'"2000000000"') + 2
            self._size_at = start + request.find(b"131072", request.find(b"fileBlock"))
            self._offset_at = start + request.find(b"16777216", request.find(b'"offset"'))
        self._offset = offset
        self._size = size
        self._state = _ASK
        return offset

    def readinto(self, chunk, n):
        """Fill chunk[:n] with the next `n` bytes of the file; never blocks, never allocates.

        chunk: bytearray or memoryview, to be left alone until complete. n: int, 4096, less only
        at the end of the file. Returns n when it is complete, 0 when more has to arrive, also
        while the device is not connected: what was lost is asked for again then. Raises
        AlinkError: TIMEOUT when a reply stays away, BLOCK for one that is damaged, BLOCK_REFUSED
        when the platform answers with an error, HTTP_LENGTH when its file has another size,
        SUBSCRIBE when it does not let the device listen; the source is closed then.
        """
        device = self._device
        state = self._state
        if state == _CLOSED:
            raise AlinkError(errors.LINK, "the download is not open")
        # The device shows the end of the stream, and errors, as a lost connection.
        if state != _ASK and (device.session != self._session or not device.connected):
            state = self._ask_again()
        if state == _ASK:
            self._ask()
            return 0
        if state == _REPLY:
            if device.stream_left < 0:
                self._check_late()
                return 0
            self._begin()
        if self._state == _LENGTH and self._reader.readinto(self._two, 2):
            self._length()
        if self._state == _HEAD and self._reader.readinto(self._json, self._want):
            self._header()
        if self._state == _DATA:
            if n > self._left:
                raise ValueError("%d bytes asked, %d left of the block" % (n, self._left))
            if not self._reader.readinto(chunk, n):
                return 0
            self._crc = crc16.update(self._crc, chunk, n)
            self._left -= n
            if self._left:
                self._offset += n
                self.unvouched += n
                return n
            self._state = _CRC
        if self._state == _CRC and self._reader.readinto(self._two, 2):
            self._vouch()
            self._offset += n
            return n
        return 0

    def close(self):
        """Stop; what still comes of a reply is read past. Again is harmless."""
        if self._state > _ASK:
            self._device.release()
        self._state = _CLOSED

    # -- the request

    def _ask_again(self):
        # The reply has died with its connection; what came of it before is as good as TCP, and
        # the digest of the file has the last word.
        self.unvouched = 0
        self._state = _ASK
        return _ASK

    def _ask(self):
        device = self._device
        if not device.stream_ready:
            return
        if device.stream_refused:
            self._fail(errors.SUBSCRIBE, self._topic + "_reply")
        now = time.ticks_ms()
        if 0 <= time.ticks_diff(now, self._asked_at) < self._gap:
            return
        left = self._size - self._offset
        self._left = min(left, self._block_size if self._offset else CHUNK)
        self._number = self._number % _ID_MAX + 1
        packet = self._packet
        _put(packet, self._id_at, 9, self._number, 48)
        _put(packet, self._size_at, 6, self._left, 32)
        _put(packet, self._offset_at, 8, self._offset, 32)
        self._asked_at = now
        device.claim()
        if device.send_prepared(packet):
            self._session = device.session
            self._state = _REPLY

    def _check_late(self):
        if time.ticks_diff(time.ticks_ms(), self._asked_at) > self._reply_ms:
            self._gap = min(max(2 * self._gap, _GAP_STEP_MS), _GAP_MAX_MS)
            self._fail(errors.TIMEOUT, "no reply for byte %d" % self._offset)

    # -- the reply: length of the header, header, data, CRC

    def _begin(self):
        self._total = self._device.stream_left
        if self._total < 2:
            self._fail(errors.BLOCK, "of %d bytes" % self._total)
        self._reader.attach(self._device)
        self._crc = self.unvouched = 0
        self._state = _LENGTH

    def _length(self):
        size = self._two[0] << 8 | self._two[1]
        room = self._total - 2
        # An error may come as a JSON object alone; its first byte then makes a length of 31,500.
        self._bare = self._two[0] == _BRACE and size > room
        if self._bare:
            size = room
        if not 0 < size <= room:
            self._fail(errors.BLOCK, "header of %d bytes in %d" % (size, room))
        self._json_size = size
        self._want = min(size, block_head.HEAD_MAX)
        self._state = _HEAD

    def _header(self):
        head = self._head
        head.scan(0 if self._bare else 2, 2 + self._want)
        if not self._is_answer():
            self._pass_over()  # of an earlier request, perhaps for another file
            return
        if head.code not in (200, -1):
            self._fail(errors.BLOCK_REFUSED, "code %d for byte %d" % (head.code, self._offset))
        if self._bare or head.code < 0 or head.offset < 0 or self._json_size > self._want:
            self._fail(errors.BLOCK, "header")
        if head.offset != self._offset:
            self._pass_over()
            return
        if head.length != self._size and head.length >= 0:
            self._fail(errors.HTTP_LENGTH, "%d, not %d" % (head.length, self._size))
        if head.size != self._left or self._total != 2 + self._json_size + self._left + 2:
            self._fail(errors.BLOCK, "%d of %d bytes" % (head.size, self._left))
        self._state = _DATA

    def _is_answer(self):
        # False for the id of another request of ours, perhaps for another file. Where there is
        # none, or none of the form that was sent, offset and length have to do.
        at = self._head.id_at
        buf = self._head.buf
        if at < 0 or at + 2 + _ID_DIGITS > len(buf):
            return True
        if buf[at] == _QUOTE:
            at += 1
        packet = self._packet
        first = self._id_at - 1
        same = buf[at] == packet[first]
        if not same:
            return True
        for i in range(1, _ID_DIGITS):
            if not 48 <= buf[at + i] <= 57:
                return True
            if buf[at + i] != packet[first + i]:
                same = False
        return same

    def _pass_over(self):
        # Late or twice: the one that was asked for may still come.
        self._device.release()
        self._device.claim()
        self._state = _REPLY

    def _vouch(self):
        if self._two[0] | self._two[1] << 8 != self._crc:
            self._fail(errors.BLOCK, "CRC, at byte %d" % self._offset)
        self._device.release()
        self.unvouched = 0
        self._state = _ASK

    def _fail(self, code, said):
        self.close()
        if code != errors.BLOCK:
            self.unvouched = 0
        raise AlinkError(code, said)


def _put(packet, at, width, number, fill):
    # The number's decimal digits: behind zeros (fill 48), or in front of blanks (32).
    digits = width
    if fill == 32:
        digits = 1
        rest = number // 10
        while rest:
            digits += 1
            rest //= 10
    for i in range(digits, width):
        packet[at + i] = fill
    for i in range(digits - 1, -1, -1):
        packet[at + i] = 48 + number % 10
        number //= 10
