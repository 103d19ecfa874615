# One connection, and one MQTT 3.1.1 session over it. MIT licence.
#
# A socket time-out of the firmware starts anew with every byte that arrives, so a peer that
# dribbles holds a TLS handshake open for ever, and a TLS socket has no time-out at all. A Wire is
# THE socket with a deadline, under the session and under a download: it never blocks, and what
# has to wait (a handshake, the answer to a sign-in, room for a packet) waits in wait(), which
# knows the one deadline. TLS lies on the socket itself, not on this object, so that a read costs
# no Python call. RAM: one small object.
#
# A Session is made by a sign-in (signin/connect.py) and gone with its connection: nothing of it
# is ever reset. What arrives is put together in packets.py. RAM: one buffer of 128 bytes; while a
# message arrives, its size (twice for the moment in which it is handed over); each packet that is
# sent, while it is sent.

import errno
import time

from micropython import const

from . import log, parts

_PAUSE_MS = const(2)

shared = None  # type: tuple | None  # (ca, SSLContext) of the context made last: signin/tls.py

try:
    _found = parts.use("packets")
except (ValueError, MemoryError) as _exc:
    # In machine code, for another processor or MicroPython; or there is no memory for that. Who
    # has put it there has put this beside it.
    parts.drop("packets")
    try:
        _found = parts.use("bytecode")
    except ImportError:
        raise _exc
packets = _found.packets
framed = _found.framed
del _found


class Wire:
    """A connected TCP socket; `feeder.on_feed` (callable or None) is called while it waits.

    raw: the socket. sock: what to read from with sock.readinto(buf, n), which never blocks: `raw`,
    or the TLS socket on it, which is made without a handshake: that would block, and start its
    time-out anew with every byte; the first write() shakes hands. Both are None once closed.
    """

    def __init__(self, raw, feeder):
        self.raw = self.sock = raw
        self.feeder = feeder
        self._until = 0
        raw.setblocking(False)

    def allow(self, timeout):
        """Until `timeout` ms from now write() and wait() may wait."""
        self._until = time.ticks_add(time.ticks_ms(), timeout)

    def wait(self):
        """Nothing there yet, or no room: rest. Raises OSError(ETIMEDOUT) past the deadline."""
        if time.ticks_diff(self._until, time.ticks_ms()) <= 0:
            raise OSError(errno.ETIMEDOUT)
        feed = self.feeder.on_feed
        if feed is not None:
            try:
                feed()
            except Exception as exc:
                log.failed("on_feed", exc)
        time.sleep_ms(_PAUSE_MS)

    def write(self, buf, n):
        """Write buf[:n]; allocates nothing. Raises OSError, ValueError for a certificate."""
        done = 0
        while done < n:
            count = self.sock.write(buf, done, n - done)
            if count:
                done += count
            else:
                self.wait()

    def close(self):
        """Close it; again is harmless."""
        # Both: a TLS socket whose handshake failed has let go of the TCP socket below it.
        for sock in (self.sock, self.raw):
            if sock is not None:
                try:
                    sock.close()
                except (OSError, ValueError):
                    pass  # it is gone, which is what was wanted
        self.sock = self.raw = None


class Session(Wire):
    """next(recv) takes what has arrived: see packets.py.

    raw: the connected socket. feeder: has on_feed and on_long, each a function or None. pid: int,
    the packet id used last before; they go on from one connection to the next, so that an old one
    is never taken for a new one: this connection's are the `issued` last ones. limits: (ack_ms,
    ping_ms, keep_ms, most), see packets.py. waiting: when what still has no answer was sent, in
    ticks, by packet id; 0 is the ping. answer: the body of the last SUBACK (bytearray), or None.
    """

    def __init__(self, raw, feeder, pid, limits):
        Wire.__init__(self, raw, feeder)
        self.buf = bytearray(128)
        self.waiting = {}
        self.pid = pid
        self.issued = self.left = 0
        self.topic = self.answer = self.stream = self.view = self.claimed = None
        self._ack_ms = limits[0]
        self.recv = packets(self, limits)

    def send(self, data, n):
        """data[:n], a whole packet: gone within ack_ms, or OSError, and the link is given up."""
        self.allow(self._ack_ms)
        self.write(data, n)
