"""Which MicroPython alink needs, and what to say of a file with an older one.

One rule: of a file it is a warning, in the same words wherever the file is looked at, built or
offered (the board on the desk takes any, and nobody but its owner knows what a firmware of one's
own can do). What is fetched by its version is for a board: there an older one is refused.
"""

from __future__ import annotations

import re

OLDEST = (1, 25, 0)  # umqtt.simple 1.6.0: the first with time limits and verified TLS
_VERSION = re.compile(r"v(\d+)\.(\d+)")
_NEEDED = f"v{OLDEST[0]}.{OLDEST[1]} or newer"


def too_old(stated: str | None) -> bool:
    """Whether this is what an older MicroPython says of itself; False where nobody knows."""
    found = _VERSION.match(stated or "")
    return found is not None and (int(found[1]), int(found[2])) < OLDEST[:2]


def age_warning(stated: str | None) -> str:
    """What to say of a firmware that is too old for alink, or perhaps is, or "".

    stated: its own words, as v1.27.0 on 2025-12-09.
    """
    if stated is None or _VERSION.match(stated) is None:
        return (
            f"the firmware does not say which MicroPython it is; alink needs {_NEEDED}. "
            "Compare it with those of micropython.org/download."
        )
    if not too_old(stated):
        return ""
    return (
        f"the firmware is MicroPython {stated}; alink needs {_NEEDED} (older ones lack what "
        "verified TLS and bounded waits need). Take a newer one from micropython.org/download."
    )


def newer_advice(for_a_slot: bool = True) -> str:
    """What to do with a file that has such a firmware; for_a_slot: it is an image for a slot."""
    desk = " The board on the desk takes it as it is." if for_a_slot else ""
    return f"For a board make it of MicroPython {_NEEDED}.{desk}"
