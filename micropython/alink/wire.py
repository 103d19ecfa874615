# A TCP socket whose waits have an end: under the MQTT session, plain or TLS. MIT licence.
#
# A socket time-out of the firmware starts anew with every byte that arrives, so a peer that
# dribbles holds a TLS handshake open for ever; SSLSocket has no time-out at all. Here the socket
# never blocks, and whatever has to wait (sign-in, writing a packet) waits up to one deadline. It
# serves as the stream under a TLS socket too; then errors leave as negative numbers, for an
# exception must not jump through mbedTLS. RAM: one small object.

import errno
import io
import time

from micropython import const

from . import log

_STREAM_CLOSE = const(4)  # MicroPython's stream protocol
_PAUSE_MS = const(2)
_IPPROTO_TCP = const(6)
_TCP_NODELAY = const(1)


class Wire(io.IOBase):
    """Wraps a connected socket; `feeder.on_feed` (callable or None) is called while it waits."""

    def __init__(self, sock, feeder):
        self.raw = sock
        self._feeder = feeder
        self._until = 0
        self._writes_wait = False
        self._reads_wait = False
        sock.setblocking(False)
        # Without it each QoS 1 message waits 40 ms for the peer's delayed ACK (Nagle).
        try:
            sock.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
        except OSError as exc:
            log.debug("this firmware has no TCP_NODELAY:", exc)

    def allow(self, ms, reads=False):
        """Until `ms` from now writes, with `reads` also reads, wait instead of giving up."""
        self._until = time.ticks_add(time.ticks_ms(), ms)
        self._writes_wait = True
        self._reads_wait = reads

    def settle(self):
        """From now on nothing waits."""
        self._writes_wait = False
        self._reads_wait = False

    def readinto(self, buf):
        """Bytes read (int, 0 at the end of the stream), None: nothing there, or minus an errno."""
        while True:
            try:
                count = self.raw.readinto(buf)
            except OSError as exc:
                return -_number(exc)
            if count is not None or not self._reads_wait:
                return count
            if not self._pause():
                return -errno.ETIMEDOUT

    def read(self, n):
        """The next `n` bytes; fewer at the end of the stream. Raises OSError.

        For umqtt's connect(), which reads the 4 bytes of a CONNACK: call allow(ms, True) first.
        """
        piece = bytearray(1)
        got = b""
        while len(got) < n:
            count = self.readinto(piece)
            if count is None or count < 0:
                raise OSError(-count if count else errno.ETIMEDOUT)
            if count == 0:
                break
            got += piece
        return got

    def write(self, buf, n=-1):
        """Write buf[:n] (all of it without n): bytes written, None: no room, or minus an errno."""
        if n < 0:
            n = len(buf)
        done = 0
        while done < n:
            try:
                count = self.raw.write(buf, done, n - done)
            except OSError as exc:
                return -_number(exc)
            if count:
                done += count
            elif not self._writes_wait:
                return done or None
            elif not self._pause():
                return -errno.ETIMEDOUT
        return done

    def ioctl(self, request, arg):
        """The stream protocol's control call; a TLS socket closes what is under it this way."""
        if request == _STREAM_CLOSE:
            self.close()
            return 0
        return -errno.EINVAL

    def close(self):
        """Close the socket; a second call does nothing."""
        self.settle()
        if self.raw is not None:
            self.raw.close()
            self.raw = None

    def _pause(self):
        if time.ticks_diff(self._until, time.ticks_ms()) <= 0:
            return False
        feed = self._feeder.on_feed
        if feed is not None:
            try:
                feed()
            except Exception as exc:
                log.info("on_feed failed: %s: %s" % (type(exc).__name__, exc))
        time.sleep_ms(_PAUSE_MS)
        return True


def _number(exc):
    return abs(exc.args[0]) if exc.args and isinstance(exc.args[0], int) else errno.EIO
