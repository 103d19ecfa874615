# One MQTT 3.1.1 session over one connection, and its deadlines. MIT licence.
#
# Made by a sign-in (signin/connect.py) and gone with its connection: nothing of it is ever reset.
#
# What arrives is put together in packets.py. RAM: one buffer of 256 bytes; while a message
# arrives, its size (twice for the moment in which it is handed over); each packet that is sent,
# while it is sent.

from . import parts
from .wire import Wire

try:
    _found = parts.use("packets")
except (ValueError, MemoryError):
    # In machine code, for another processor or MicroPython; or there is no memory for that. Who
    # has put it there has put this beside it.
    parts.drop("packets")
    _found = parts.use("bytecode")
packets = _found.packets
framed = _found.framed
del _found


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
        self.buf = bytearray(256)
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
