# What a growth of Python's heap has to leave to the link. MIT licence. Loaded for a moment.
#
# A full heap grows by itself: the firmware takes as much again of the IDF heap as Python has, but
# no more than the largest free piece, and never gives it back (py/gc.c, gc_try_add_heap). That is
# 59 KB at once, and what it leaves is a hair too little for a handshake, or for what arrives. So
# the largest piece is made smaller, by datagrams that sockets have sent to themselves and nobody
# reads: small ones, each behind a gap that is left by others. The gaps are what a heap that is
# still too small grows into, one by one, and what the link has meanwhile. TLS, which wants large
# pieces, gets all of it (parts.release()).

import socket
import sys

import uctypes
from micropython import const

from . import idf, parts

_AF_INET = const(2)
_SOCK_DGRAM = const(2)
_HOST = const("127.0.0.1")
_PORT = const(61220)
_QUEUE = const(6)  # datagrams that lwIP keeps for a socket: CONFIG_LWIP_UDP_RECVMBOX_SIZE
_KEPT = const(1000)
# Of a gap: what fills the small pieces that lie about, or it is there that the datagram behind the
# gap would go, and the gap itself, which is one piece again when these have gone.
_GAP = const((1000, 1000, 1000, 1000, 3200, 3200))
_HEAD = const(160)  # bytes that each takes beside its own
_PAGE = const(4096)


def fill():
    """Do it, where idf.grows() says so; what is kept already stays."""
    held = parts.reserve
    # Constants of the firmware, in flash: what is sent is no copy, and no secret.
    page = id(sys) & -_PAGE
    gaps = []  # type: list[socket.socket]
    try:
        port = _PORT + len(held)
        one = _own(port)
        held.append(one)
        while idf.grows() and len(gaps) < _QUEUE:
            gap = _own(_PORT - 1 - len(gaps))
            gaps.append(gap)
            for size in _GAP:
                gap.sendto(uctypes.bytearray_at(page, size), (_HOST, _PORT - len(gaps)))
            one.sendto(uctypes.bytearray_at(page, _KEPT), (_HOST, port))
            parts.kept += _KEPT + _HEAD
    except (OSError, MemoryError):
        pass  # as much as there is: without it all goes on, as far as the memory reaches
    for gap in gaps:
        gap.close()


def _own(port):
    # A socket that nobody else can reach.
    one = socket.socket(_AF_INET, _SOCK_DGRAM)
    one.bind((_HOST, port))
    return one
