# When to try again: exponential with jitter; and to sign in, never over the platform's limit. MIT
# licence.
#
# The platform takes 5 CONNECTs a minute from a device ("Limits", 30527). The limiter stands above
# everything else, so that not even an application that calls connect() in a loop breaks it.
#
# Loaded when something has failed, and let go: what it knows lives in the Device (or what stands
# in for it during a registration). The next attempt is due `_at` (ticks; while signed in, those of
# the sign-in), `_failures` came in a row, `_starts` are ticks of attempts.

import os
import time

from micropython import const

from . import parts

_SECURE = const(2)  # of the settings: see signin/connect.py
_E_CLOCK = const(2)
_E_TLS = const(3)
_E_REFUSED = const(4)
_E_SUBSCRIBE = const(6)
_E_REGISTRATION = const(9)
_E_NO_MEMORY = const(84)

_FIRST_MS = const(2000)
_LONGEST_MS = const(96000)  # two minutes with what chance adds
_SLOW_MS = const(300000)
_STABLE_MS = const(60000)  # a session that lasted this long ends a row of failures
_WINDOW_MS = const(60000)
_WINDOW_CONNECTS = const(5)
_STARVED = const(6)  # attempts in a row, two minutes, without the memory for one


def lost(device, error):
    """A session, or an attempt at one, ended with `error` (AlinkError, see faults.named()): set
    the pause, close what is open -> whether it has to be told.
    """
    if error.code == _E_TLS:
        parts.ask("clock", "doubted", error)
    told = device.error
    device.error = error
    if device._link is not None:
        lasted = time.ticks_diff(time.ticks_ms(), device._at)
        if not 0 <= lasted <= _STABLE_MS:
            device._failures = 0
    failed(device, error.code)
    if device._failures >= _STARVED and (
        (error.code == _E_NO_MEMORY and told is not None and told.code == _E_NO_MEMORY)
        # (A handshake without memory ends in a time-out, too.)
        or (device._settings[_SECURE] and device._link is None and parts.ask("idf", "poor"))
    ):
        parts.ask("starts", "starved", error)  # nobody would hear of this board again
    device._drop()
    parts.guard()
    return told is None or told.code != error.code or told.detail != error.detail


def failed(device, code):
    """Wait 2 s, 4 s .. two minutes; 5 min for what waiting does not mend (`code` is the error's);
    2 s, however often, for a clock that is not set.
    """
    wait = _FIRST_MS
    if code != _E_CLOCK:
        slowly = code in (_E_REFUSED, _E_SUBSCRIBE, _E_REGISTRATION)
        wait = pause_ms(_SLOW_MS if slowly else wait, _LONGEST_MS, device._failures)
        device._failures += 1
    device._at = time.ticks_add(time.ticks_ms(), wait)


def pause_ms(wait, longest, before):
    """How long to wait (int) for the next try at anything, after `before` failures in a row before
    this one: `wait`, twice that, and so on up to `longest`.

    And up to a quarter more by chance, so that a fleet does not come back all at once; from the
    chip's noise, since it may boot with equal seeds.
    """
    while before and wait < longest:
        wait = min(wait * 2, longest)
        before -= 1
    return wait + wait * os.urandom(1)[0] // 1024


def wait_ms(device):
    """How long until the next attempt may start (int; 0 or less: now)."""
    return max(time.ticks_diff(device._at, time.ticks_ms()), limit_ms(device))


def limit_ms(device):
    """How long the platform's limit still forbids an attempt (int); old ones are forgotten."""
    starts = device._starts
    now = time.ticks_ms()
    while starts and not 0 <= time.ticks_diff(now, starts[0]) <= _WINDOW_MS:
        starts.pop(0)
    if len(starts) < _WINDOW_CONNECTS:
        return 0
    return _WINDOW_MS + 1 - time.ticks_diff(now, starts[0])


def reason(device):
    """Why no attempt was made, or none has ended, in words."""
    if limit_ms(device):
        return "the platform allows 5 sign-ins a minute: wait for the next one"
    return "not signed in in time"
