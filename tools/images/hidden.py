"""Modules of an application that have the name of one of the firmware's: who gets which."""

from __future__ import annotations

from collections.abc import Iterable

from tools.images.kept_names import words

# What a stock firmware for an ESP32 has frozen in, and what MicroPython has in C and lets a file
# take the place of (its "Extending built-in libraries from Python"): the file goes first.
_GIVES_WAY = words(
    """
    aioble aioespnow apa106 array asyncio binascii collections cryptolib deflate dht ds18x20 errno
    flashbdev gzip hashlib heapq inisetup io json machine mip neopixel network ntptime onewire os
    platform random re requests select socket ssl struct time tls uasyncio umqtt upysh urequests
    urllib webrepl webrepl_setup websocket zlib
    """
)
# What is in C, too, and always goes first.
_STAYS = words(
    "bluetooth builtins cmath esp esp32 espnow framebuf gc math micropython sys uctypes vfs"
)
_PLACES = ("/lib/", "/")


def hiding(paths: Iterable[str]) -> dict[str, str]:
    """Each module (of paths on the volume) whose name is one of the firmware's, and what that
    means.
    """
    told: dict[str, str] = {}
    for path in paths:
        place = next(place for place in _PLACES if path.startswith(place))
        name, slash, _ = path[len(place) :].partition("/")
        if not slash:
            name, _, kind = name.rpartition(".")
            if kind not in ("py", "mpy"):
                continue
        shown = path[1:] if not slash else f"{place[1:]}{name}/"
        if name in _GIVES_WAY:
            told[name] = f"{shown} takes the place of the firmware's {name}, for alink as well"
        elif name in _STAYS:
            told[name] = f"{shown} will never be imported: the firmware's own {name} comes first"
    return told
