# The JSON in front of a block, read where it lies: no parser, no heap. MIT licence.
#
# json.loads() would make a dozen objects for each block. RAM: one buffer of 514 bytes.

from micropython import const

HEAD_MAX = const(512)  # bytes of JSON looked at; the platform's have about 130

_QUOTE = const(34)
_COLON = const(58)
_ESCAPE = const(92)
_DIGITS_MAX = const(9)  # more would not be a small integer on the chip


class Head:
    """The fields of a block's header, -1 where it has none that is a whole number.

    buf: bytearray of HEAD_MAX and the two bytes of length before them. code, offset, size: int;
    length: int, of the whole file. id_at: where the value of `id` begins in buf, with its quote.
    """

    def __init__(self):
        self.buf = bytearray(2 + HEAD_MAX)
        self._at = self._end = 0
        self.code = self.offset = self.size = self.length = -1
        self.id_at = -1

    def scan(self, start, end):
        """Find the fields in buf[start:end], which may be cut off anywhere. Allocates nothing.

        Keys count at any depth and in any order; of two equal ones the last. Never raises.
        """
        buf = self.buf
        self._at = start
        self._end = end
        self.code = self.offset = self.size = self.length = -1
        self.id_at = -1
        while self._at < end:
            if buf[self._at] != _QUOTE:
                self._at += 1
                continue
            name = self._at + 1
            size = self._string() - name
            self._blanks()
            if self._at >= end or buf[self._at] != _COLON:
                continue  # a value
            self._at += 1
            if size == 2:
                if self._is(name, b"id"):
                    self._blanks()
                    self.id_at = self._at
            elif size == 4:
                if self._is(name, b"code"):
                    self.code = self._number()
            elif size == 5:
                if self._is(name, b"bSize"):
                    self.size = self._number()
            elif size == 7:
                if self._is(name, b"bOffset"):
                    self.offset = self._number()
            elif size == 10 and self._is(name, b"fileLength"):
                self.length = self._number()

    def _string(self):
        # Goes behind the string that begins here -> where its closing quote is.
        buf = self.buf
        end = self._end
        at = self._at + 1
        while at < end and buf[at] != _QUOTE:
            at += 2 if buf[at] == _ESCAPE else 1
        self._at = at + 1
        return at

    def _blanks(self):
        buf = self.buf
        while self._at < self._end and buf[self._at] in b" \t\r\n":
            self._at += 1

    def _is(self, at, name):
        buf = self.buf
        for i in range(len(name)):
            if buf[at + i] != name[i]:
                break
        else:
            return True
        return False

    def _number(self):
        # Pushes have codes as strings: a quoted number is one, too.
        self._blanks()
        buf = self.buf
        end = self._end
        at = self._at
        quoted = at < end and buf[at] == _QUOTE
        if quoted:
            at += 1
        first = at
        number = 0
        while at < end and 48 <= buf[at] <= 57:
            if at - first == _DIGITS_MAX:
                return -1
            number = number * 10 + buf[at] - 48
            at += 1
        # Cut off in the middle it is another number.
        if at == first or at >= end or buf[at] not in (b'"' if quoted else b",}] \t\r\n"):
            return -1
        self._at = at + 1 if quoted else at
        return number
