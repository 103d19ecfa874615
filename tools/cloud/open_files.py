"""How many files the system lets this process have open: each connection is one."""

from __future__ import annotations

import contextlib
import resource
import sys

MANY = 65536  # more than a stand-in needs for 10,000 devices, all downloading


def allow(wanted: int = MANY) -> int:
    """Raise this process's own limit as far as that needs nobody's leave; what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in (soft, hard):
        hard = wanted
    if soft != resource.RLIM_INFINITY and soft < min(wanted, hard):
        with contextlib.suppress(ValueError, OSError):  # then the smaller one is all there is
            resource.setrlimit(
                resource.RLIMIT_NOFILE,
                (min(wanted, hard), resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
            )
    return limit()


def limit() -> int:
    """How many it may have now."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def advice(wanted: int = MANY) -> str:
    """What to do where that is not enough."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY or hard >= wanted:
        return f"Run `ulimit -n {wanted}` in this shell first."
    return (
        f"This system allows {hard} (`ulimit -Hn`): raise nofile in /etc/security/limits.conf, or "
        f"LimitNOFILE of the service, to {wanted}, and sign in again."
    )
