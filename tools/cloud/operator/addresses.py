"""What other machines may reach this one by."""

from __future__ import annotations

import contextlib
import ipaddress
import socket

# Nobody has them (RFC 5737, RFC 3849), and nothing is sent: the system says which of its own
# addresses it would send from.
_AWAY = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


def addresses() -> list[str]:
    """This machine's addresses, but those that only itself can use; the likeliest first."""
    found: list[str] = []
    for family, away in _AWAY:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((away, 9))
            found.append(sock.getsockname()[0])
    with contextlib.suppress(OSError):
        known = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_DGRAM)
        found += [str(one[4][0]) for one in known]
    local = ("127.", "::1", "fe80:", "0.0.0.0")
    return [one for one in dict.fromkeys(found) if not one.startswith(local)]


def is_here(address: str) -> bool | None:
    """Whether this machine has an address, by the system's own word; None for a name."""
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    except ValueError:
        return None
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((address, 0))
    except OSError:
        return False
    return True
