# One MQTT 3.1.1 session over one connection. MIT licence.
#
# Made by a sign-in (signin/connect.py) and gone with its connection: nothing of it is ever reset.
# What comes in, and its deadlines: packets.py. RAM: one piece of 256 bytes, and each packet that is
# sent, while it is sent.

from micropython import const

from .packets import incoming
from .wire import Wire

_PIDS = const(65535)


class Session(Wire):
    """raw: the connected socket. owner: has on_feed. pid: int, the packet id used last before.

    next(found) takes what has arrived: see packets.incoming(), and there ack_ms, ping_ms, keep_ms,
    most. flight: when what still waits for its answer was sent, in ticks, by packet id; 0 is the
    ping. Packet ids go on from one connection to the next, so that an old one is never taken for a
    new one: this connection's are the `issued` last ones.
    """

    def __init__(self, raw, owner, pid, ack_ms, ping_ms, keep_ms, most):
        super().__init__(raw, owner)
        self.piece = bytearray(256)
        self.flight = {}
        self.pid = pid
        self.issued = self.left = 0
        self.claimed = False
        self.topic = self.codes = self.stream = self.view = None
        self._ack_ms = ack_ms
        self.found = incoming(self, ack_ms, ping_ms, keep_ms, most)

    def send(self, packet, n):
        """packet[:n], a whole one: gone within ack_ms, or OSError, and the link is given up."""
        self.allow(self._ack_ms)
        self.write(packet, n)

    def next_pid(self):
        """A packet id that is not in flight."""
        while True:
            self.pid = self.pid % _PIDS + 1
            self.issued += 1
            if self.pid not in self.flight:
                return self.pid


def framed(op, *parts):
    """A packet of first byte `op` (int) with `parts` (bytes) -> bytearray."""
    size = 0
    for part in parts:
        size += len(part)
    packet = bytearray((op,))
    while size > 127:
        packet.append(size & 127 | 128)
        size >>= 7
    packet.append(size)
    for part in parts:
        packet += part
    return packet
