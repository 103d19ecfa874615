# Device.connect(): poll() until it is signed in. MIT licence.

import time

from micropython import const

from . import parts
from .errors import AlinkError

_E_CLOCK = const(2)
_E_TLS = const(3)
_E_REFUSED = const(4)
_E_SUBSCRIBE = const(6)
_E_TIMEOUT = const(7)

_HELD = const(2)  # as in device.py
_IDLE_MS = const(5)  # rest between two polls


def connect(device, timeout_ms):
    """See there."""
    if device._busy:
        raise RuntimeError("connect() was called from a message handler: let poll() do it")
    began = time.ticks_ms()
    if device._link is None and not device._off & _HELD:
        device._off = 0
        device._at = began
        device.error = None
    while not device.connected:
        if device._off & _HELD:
            return  # poll() signs in again by itself: an application's loop is not to stop here
        device.poll()
        if device.connected:
            return
        error = device.error if device._link is None else None
        if error is not None and error.code in (_E_REFUSED, _E_SUBSCRIBE, _E_TLS, _E_CLOCK):
            raise error
        if time.ticks_diff(time.ticks_ms(), began) >= timeout_ms:
            raise error or AlinkError(_E_TIMEOUT, parts.ask("backoff", "reason", device))
        if device.on_feed is not None:
            device.on_feed()
        time.sleep_ms(_IDLE_MS)
