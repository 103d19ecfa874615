"""Which MicroPython alink needs, and what to say of an image with an older one."""

from __future__ import annotations

import re

from tools.images.report import examine

OLDEST = (1, 25, 0)  # umqtt.simple 1.6.0: the first with time limits and verified TLS
_VERSION = re.compile(r"v(\d+)\.(\d+)")


def age_warning(image: bytes) -> str | None:
    """What to say of a firmware that is too old for alink, or perhaps is, or None."""
    stated = examine(image).firmware
    found = _VERSION.match(stated or "")
    if stated is None or found is None:
        return (
            f"the firmware does not say which MicroPython it is; alink needs v{OLDEST[0]}."
            f"{OLDEST[1]} or newer, as from micropython.org/download."
        )
    if (int(found[1]), int(found[2])) >= OLDEST[:2]:
        return None
    return (
        f"the firmware is MicroPython {stated}; alink needs v{OLDEST[0]}.{OLDEST[1]} or newer "
        "(older ones lack what verified TLS and bounded waits need). Take a newer one from "
        "micropython.org/download."
    )
