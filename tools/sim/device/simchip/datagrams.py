# UDP sockets as lwIP has them: what nobody has read yet lies on the IDF heap. MIT licence.
#
# A board has a loopback of its own: the ports of several boards on one computer do not meet. So
# one that is bound to 127.0.0.1 gets some free port of the computer's, and what this board sends
# to it goes there.

import errno
import os

import usocket
from micropython import const

from simchip import heap, idf

HEAD = const(160)  # bytes that a datagram takes beside its own
_QUEUE = const(6)  # CONFIG_LWIP_UDP_RECVMBOX_SIZE
_LOOPBACK = const("127.0.0.1")
_FIRST = const(20000)
_TRIES = const(50)

_bound = {}  # by the board's port: (the computer's, what idf.py has of the socket, its _sizes)


class Datagrams:
    """socket.socket(AF_INET, SOCK_DGRAM). record: what idf.track() has made for `sock`."""

    def __init__(self, sock, record):
        self._sock = sock
        self._record = record
        self._sizes = []  # of what waits

    def __getattr__(self, name):
        return getattr(self._sock, name)

    def bind(self, place):
        """OSError(EADDRINUSE) when a socket that lives has the port."""
        host, port = place
        if host != _LOOPBACK:
            self._sock.bind(_packed(host, port))
            return
        idf.sweep()
        if port in _bound and idf.is_open(_bound[port][1]):
            raise OSError(errno.EADDRINUSE)
        for left in range(_TRIES, -1, -1):
            real = _FIRST + int.from_bytes(os.urandom(2), "big") % 40000
            try:
                self._sock.bind(_packed(host, real))
                break
            except OSError:
                if not left:
                    raise
        _bound[port] = real, self._record, self._sizes

    def sendto(self, data, place):
        """OSError(ENOMEM) when there is no room for it; what is too much for the other side is
        dropped.
        """
        host, port = place
        size = len(data) + HEAD
        if not idf.need(2 * size, size):  # lwIP copies it once more on its way
            raise OSError(errno.ENOMEM)
        idf.note(2 * size)
        found = _bound.get(port) if host == _LOOPBACK else None
        if found is None or not idf.is_open(found[1]):
            return self._sock.sendto(data, _packed(host, port))
        real, record, sizes = found
        if len(sizes) == _QUEUE:
            return len(data)
        sent = self._sock.sendto(data, _packed(host, real))
        sizes.append(size)
        record[idf.QUEUED] += size
        heap.refresh()
        return sent

    def recvfrom(self, size):
        """As a socket's."""
        got = self._sock.recvfrom(size)
        if self._sizes:
            self._record[idf.QUEUED] -= self._sizes.pop(0)
        return got

    def recv(self, size):
        """As a socket's."""
        return self.recvfrom(size)[0]


def _packed(host, port):
    return usocket.getaddrinfo(host, port)[0][-1]
