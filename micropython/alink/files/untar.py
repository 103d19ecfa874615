# A tar archive taken apart as it comes by, block by block; never stored whole. MIT licence.
#
# Format: POSIX.1-1988 ustar, as tools/image.py makes it; also v7, and GNU tar's as long as no name
# needs more than the header. RAM: nothing but the caller's buffer; each header allocates its name.

from micropython import const

from ..errors import AlinkError

_E_ARCHIVE = const(70)
_E_MEMBER = const(71)

_BLOCK = const(512)

_HEAD = const(0)
_DATA = const(1)
_SKIP = const(2)  # the data of a header that is passed over
_END = const(3)  # behind the two empty blocks

_PIECE = const(1024)  # the most that is wanted at once
_SKIPPED_MAX = const(4096)  # of one pax global header (git archive: a commit id)
_BEHIND_MAX = const(65536)  # zeros behind the end: tar fills up to a record of 10 KiB

_TYPES = {
    "1": "hard link",
    "2": "symbolic link",
    "3": "device",
    "4": "device",
    "6": "FIFO",
    "x": "pax header (make it with --format=ustar)",
    "L": "GNU long name (make it with --format=ustar)",
    "K": "GNU long link",
    "S": "sparse file",
}


class Untar:
    """Parses one archive: give it `want` bytes at a time.

    sink: what gets the members: folder(name), create(name, size), write(buf, n), close(), and
    count() for a header that brings nothing. It decides what a name may be. Attribute want: int,
    how many bytes feed() takes next, 1..1024.
    """

    def __init__(self, sink):
        self._sink = sink
        self._state = _HEAD
        self._left = 0  # of the member's data
        self._padding = 0
        self._zeros = 0  # empty blocks in a row, then bytes behind the end
        self.want = _BLOCK

    def feed(self, buf, n):
        """Take buf[:n]; n is `want`, less only for the last bytes of all.

        Raises AlinkError ARCHIVE or MEMBER, and what the sink raises.
        """
        if n < self.want and self._state != _END:
            raise AlinkError(_E_ARCHIVE, "truncated")
        if self._state == _HEAD:
            self._head(buf)
        elif self._state == _END:
            self._behind(buf, n)
        else:
            self._data(buf, n)

    def finish(self):
        """There is no more. Raises AlinkError(ARCHIVE) unless the archive was complete."""
        if self._state != _END:
            raise AlinkError(_E_ARCHIVE, "truncated")

    def _data(self, buf, n):
        count = min(n, self._left)
        if self._state == _DATA:
            self._sink.write(buf, count)
        self._left -= count
        if self._left:
            self.want = self._next()
            return
        if self._state == _DATA:
            self._sink.close()
        self._state = _HEAD
        self.want = _BLOCK

    def _next(self):
        # Whole blocks, so that the padding comes with the last of the data.
        return min(self._left + self._padding, _PIECE)

    def _behind(self, buf, n):
        self._zeros += n
        if any(memoryview(buf)[:n]):
            raise AlinkError(_E_ARCHIVE, "data behind its end")
        if self._zeros > _BEHIND_MAX:
            raise AlinkError(_E_ARCHIVE, "no end of zeros")

    def _head(self, head):
        head = memoryview(head)[:_BLOCK]
        if not any(head):
            self._zeros += 1
            if self._zeros == 2:
                self._state = _END
                self._zeros = 0
            return
        if self._zeros:
            raise AlinkError(_E_ARCHIVE, "an empty block in it")
        _check(head)
        kind = chr(head[156])
        size = _number(head[124:136])
        name = _name(head)
        if kind == "\0":  # v7's, which tells a directory by its name
            kind = "5" if name.endswith("/") else "0"
        if kind == "5":
            if size:
                raise AlinkError(_E_MEMBER, "a directory of %d bytes" % size)
            self._sink.folder(name)
            return
        if kind == "g" and size <= _SKIPPED_MAX:
            self._sink.count()
            state = _SKIP
        elif kind in ("0", "7"):
            state = _DATA
            self._sink.create(name, size)
            if not size:
                self._sink.close()
        else:
            what = _TYPES.get(kind) or "type %r" % kind
            raise AlinkError(_E_MEMBER, "%s: %s" % (what, name[-40:]))
        if size:
            self._state = state
            self._left = size
            self._padding = -size % _BLOCK
            self.want = self._next()


def _check(head):
    # The sum of all bytes, with blanks for the eight of the sum itself.
    if sum(head) - sum(head[148:156]) + 8 * 32 != _number(head[148:156]):
        raise AlinkError(_E_ARCHIVE, "checksum of a header, or not a tar archive")


def _number(field):
    text = bytes(field).rstrip(b"\0 ").lstrip()
    # GNU's base 256, for what has more than eleven digits, is not one of ours.
    if not all(48 <= byte <= 55 for byte in text):
        raise AlinkError(_E_ARCHIVE, "a number in a header")
    return int(text, 8) if text else 0


def _name(head):
    name = _text(head[0:100])
    # With a NUL behind it this is POSIX's; GNU has a blank there, and other things in the prefix.
    prefix = _text(head[345:500]) if head[257:263] == b"ustar\0" else ""
    return prefix + "/" + name if prefix else name


def _text(field):
    raw = bytes(field)
    end = raw.find(b"\0")
    try:
        return (raw if end < 0 else raw[:end]).decode()
    except ValueError:
        raise AlinkError(_E_MEMBER, "a name that is not UTF-8") from None
