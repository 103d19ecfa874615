# What a growth of Python's heap has to leave to the link. MIT licence. Loaded for a moment.
#
# A full heap grows by itself: the firmware takes as much again of the IDF heap as Python has, but
# no more than the largest free piece, and never gives it back (py/gc.c, gc_try_add_heap). That is
# 59 KB at once, and what it leaves is a hair too little for a handshake, or for what arrives. So
# the largest piece is made smaller, by datagrams that sockets have sent to themselves and nobody
# reads. Each second one goes again: the gaps are what a heap that is still too small grows into,
# one by one, and what the link has meanwhile. TLS, which wants large pieces, gets all of it
# (parts.release()).

import socket
import sys

import uctypes
from micropython import const

from . import idf, parts

_SOCKETS = const(3)
_AF_INET = const(2)
_SOCK_DGRAM = const(2)
_HOST = const("127.0.0.1")
_PORT = const(61220)
_QUEUE = const(6)  # datagrams that lwIP keeps for a socket: CONFIG_LWIP_UDP_RECVMBOX_SIZE
_SIZE = const(3200)  # a gap that Python can grow into for an object of 1 KB: gc_try_add_heap
_HEAD = const(160)  # bytes that each takes beside its own
_PAGE = const(4096)


def fill():
    """Do it, where idf.grows() says so; what is kept already stays."""
    # Constants of the firmware, in flash: what is sent is no copy, and no secret.
    data = uctypes.bytearray_at(id(sys) & -_PAGE, _SIZE)
    try:
        parts.reserve = held = list(parts.reserve)
        while idf.grows() and len(held) < _SOCKETS:
            port = _PORT + len(held)
            gaps = _own(_PORT - 1)
            try:
                one = _own(port)
                left = _QUEUE
                while left and idf.grows():
                    one.sendto(data, (_HOST, port))
                    if left == _QUEUE:
                        held.append(one)  # (An empty one would stand in the way of another.)
                    parts.kept += _SIZE + _HEAD
                    gaps.sendto(data, (_HOST, _PORT - 1))
                    left -= 1
            finally:
                gaps.close()
    except (OSError, MemoryError):
        pass  # as much as there is: without it all goes on, as far as the memory reaches


def _own(port):
    # A socket that nobody else can reach.
    one = socket.socket(_AF_INET, _SOCK_DGRAM)
    try:
        one.bind((_HOST, port))
    except OSError:
        one.close()
        raise
    return one
