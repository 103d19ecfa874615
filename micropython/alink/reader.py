# Whole pieces off a non-blocking stream, without blocking and without allocating. MIT licence.
#
# RAM: one ring of `size` bytes, made once. A piece that arrives in one go is read straight into
# the caller's buffer; one that arrives in parts waits in the ring until it is complete. Never
# reads past the piece asked for, so the stream stands exactly behind it afterwards.

import micropython

EOF = -1


class Reader:
    """Reads pieces of up to `size` bytes off a non-blocking socket (plain or TLS)."""

    def __init__(self, size):
        self._ring = micropython.RingIO(size)
        self._trash = bytearray(64)
        self._sock = None

    def attach(self, sock):
        """Read from `sock` (already non-blocking) from now on; forgets what another one left."""
        while self._ring.any():
            self._ring.readinto(self._trash)
        self._sock = sock

    def any(self):
        """Bytes of the current piece that have arrived already (int)."""
        return self._ring.any()

    def readinto(self, buf, n):
        """Fill buf[:n] with the next `n` bytes of the stream.

        buf: bytearray or memoryview of at least n bytes, n at most `size`; its content is
        undefined until the piece is complete. Returns n when the piece is complete, 0 when more
        has to arrive (call again with the same n), EOF (-1) when the peer has closed. Raises
        OSError on a broken connection.
        """
        ring = self._ring
        have = ring.any()
        count = self._sock.readinto(buf, n - have)
        if count is None:
            return 0
        if count == 0:
            return EOF
        if count == n:
            return n
        ring.write(buf, count)
        if have + count < n:
            return 0
        ring.readinto(buf, n)
        return n
