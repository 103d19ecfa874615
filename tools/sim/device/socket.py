# socket: the host's own sockets, refused while the board has no network. MIT licence.
#
# They are the interpreter's native objects, so that readinto() and TLS work without allocating.
# What that leaves as it is on the host: setblocking(True) keeps an earlier settimeout() (lwIP
# forgets it; umqtt.simple of this folder asks for that explicitly).

import usocket as _real
from simchip import control as _control
from usocket import *

_EHOSTUNREACH = 118
_EAI_FAIL = -202

IPPROTO_IP = 0
IPPROTO_TCP = 6
IPPROTO_UDP = 17
TCP_NODELAY = 1


def getaddrinfo(host, port, *hints):
    """As the chip's, IPv4 only; without a network OSError -202 for a name, 118 for an address."""
    if not _control.online():
        numeric = host.replace(".", "").isdigit()
        raise OSError(_EHOSTUNREACH if numeric else _EAI_FAIL)
    try:
        found = _real.getaddrinfo(host, port, *(hints or (_real.AF_INET, _real.SOCK_STREAM)))
    except OSError:
        raise OSError(_EAI_FAIL)
    return found
