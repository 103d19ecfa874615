# The arguments of a Device: checked, and signed with the secret, which is not kept. MIT licence.

from .. import parts
from . import credentials


def settings(args, settings):
    """What a Device keeps of its arguments -> (product_key, device_name, what a sign-in needs)."""
    return _settings(*args, **settings)


def _settings(
    product_key,
    device_name,
    device_secret,
    host,
    port=None,
    *,
    secure=True,
    ca=None,
    keepalive=300,
    client_id=None,
    sign_method="hmacsha256",
    timestamp="2524608000000",
    device_token=None,
    max_message=32768,
    connect_timeout_ms=10000,
    ack_timeout_ms=10000,
    ping_ms=60000,
):
    credentials.check("host", host)
    if "/" in host or ":" in host:
        raise ValueError("host must be a bare name or address; the port is its own argument")
    _check("keepalive", keepalive, 30, 1200, "s; the platform refuses others")
    _check("max_message", max_message, 1, 1 << 20, "bytes")
    _check("connect_timeout_ms", connect_timeout_ms, 100, 600000, "ms")
    _check("ack_timeout_ms", ack_timeout_ms, 100, 600000, "ms")
    _check("ping_ms", ping_ms, 100, keepalive * 1000, "ms; keepalive is the upper limit")
    if port is None:
        port = 8883 if secure else 1883
    _check("port", port, 1, 65535, "")
    if ca is not None:
        parts.ask("signin.tls", "to_der", ca)  # refuses what is none
    if device_token is not None and device_secret is None:
        if not secure:
            raise ValueError("a device_token goes over TLS only: secure must be True")
        signed = credentials.by_token(product_key, device_name, client_id, device_token)
    else:
        signed = credentials.sign(
            product_key,
            device_name,
            device_secret,
            client_id=client_id,
            sign_method=sign_method,
            timestamp=timestamp,
            secure=secure,
        )
    signed = [text.encode() for text in signed]
    times = connect_timeout_ms, ack_timeout_ms, ping_ms
    kept = host, port, secure, ca, signed, keepalive, times, max_message
    return product_key, device_name, kept


def _check(name, value, start, end, text):
    if not isinstance(value, int) or not start <= value <= end:
        raise ValueError("%s must be %d to %d %s" % (name, start, end, text))
