"""Times as the API spells them."""

from __future__ import annotations

import calendar
import time


def utc(when: float) -> str:
    """Seconds since 1970 as 2019-11-04T06:22:19.566Z."""
    whole = int(when)
    return (
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
        + f".{int((when - whole) * 1000):03d}Z"
    )


def seconds(text: str) -> float:
    """The reverse of `utc`. Raises ValueError."""
    whole, _, rest = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{rest or 0}")
