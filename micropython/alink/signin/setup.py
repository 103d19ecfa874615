# The arguments of a Device: checked, and signed with the secret, which is not kept. MIT licence.

import time

from micropython import const

from .. import device, parts
from . import credentials

# What a Device may be told, the first ones by their places, too. (One text: as names of arguments
# they would stay for good, used or not.)
_NAMES = (
    "product_key device_name device_secret host port secure ca keepalive client_id sign_method "
    "timestamp device_token max_message connect_timeout_ms ack_timeout_ms ping_ms"
)
_LEAST = const(4)
_PLACES = const(5)
_DEFAULTS = (
    (None,) * 5
    + (True, None, 300, None, "hmacsha256", "2524608000000", None)
    + (32768, 10000, 10000, 60000)
)


def fill(new, args, given):
    """What a new Device has, but for what its own __init__ has made.

    args: tuple, given: dict, of its arguments. Raises ValueError or TypeError for one that cannot
    work.
    """
    new.product_key, new.device_name, new._settings = _settings(args, given)
    new.on_feed = new.on_long = None
    new.session = 0
    # For backoff.py. What a registration has tried counts, too.
    new._failures = 0
    new._starts = list(getattr(device, "attempts", ()))
    new._at = time.ticks_ms()
    if not parts.reserve:  # (setup.online() has asked for it.)
        parts.guard()


def _settings(args, given):
    # What a Device keeps of its arguments -> (product_key, device_name, what a sign-in needs)
    if len(args) > _PLACES:
        raise TypeError("Device: too many arguments")
    values = list(args)
    names = _NAMES.split()
    for name in names[len(args) :]:
        if len(values) < _LEAST and name not in given:
            raise TypeError("Device: %s is missing" % name)
        values.append(given.pop(name, _DEFAULTS[len(values)]))
    for name in given:
        raise TypeError("Device: there is no %s, or it is given twice" % name)
    (product_key, device_name, device_secret, host, port, secure, ca, keepalive) = values[:8]
    (client_id, sign_method, timestamp, device_token, max_message) = values[8:13]
    times = tuple(values[13:])
    credentials.check("host", host)
    if "/" in host or ":" in host:
        raise ValueError("host must be a bare name or address; the port is its own argument")
    _check(names[7], keepalive, 30, 1200, "s; the platform refuses others")
    _check(names[12], max_message, 1, 1 << 20, "bytes")
    _check(names[13], times[0], 100, 600000, "ms")
    _check(names[14], times[1], 100, 600000, "ms")
    _check(names[15], times[2], 100, keepalive * 1000, "ms; keepalive is the upper limit")
    if port is None:
        port = 8883 if secure else 1883
    _check("port", port, 1, 65535, "")
    if ca is not None:
        parts.ask("signin.tls", "to_der", ca)  # refuses what is none
    if device_token is not None and device_secret is None:
        if not secure:
            raise ValueError("a device_token goes over TLS only: set secure")
        signed = credentials.by_token(product_key, device_name, client_id, device_token)
    else:
        signed = credentials.sign(
            product_key, device_name, device_secret, client_id, sign_method, timestamp, secure
        )
    signed = [text.encode() for text in signed]
    kept = host, port, secure, ca, signed, keepalive, times, max_message
    return product_key, device_name, kept


def _check(name, value, start, end, text):
    if not isinstance(value, int) or not start <= value <= end:
        raise ValueError("%s must be %d to %d %s" % (name, start, end, text))
