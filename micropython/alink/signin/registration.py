# Dynamic registration: a board that has only its product's secret gets its own. MIT licence.
#
# On first contact, over verified TLS, the platform pushes what the board signs in with from then
# on. Two flavours: `register`, for a device name that is listed on the platform, gives a device
# secret; `regnwl`, for any name, a clientId and a device token. RAM: one MQTT session with 1 KiB
# of message, while it lasts.

import binascii
import json
import os
import time

from micropython import const

from .. import device, log, parts
from ..errors import AlinkError
from ..nvs import hint
from ..registration import PRODUCT_SECRET, SECRET, TOKEN, needed
from . import credentials

_E_CONFIG = const(1)
_E_CLOCK = const(2)
_E_TLS = const(3)
_E_REFUSED = const(4)
_E_LINK = const(5)
_E_TIMEOUT = const(7)
_E_PROTOCOL = const(8)
_E_REGISTRATION = const(9)
_E_NOT_REGISTERED = const(10)
_E_NVS = const(82)
_E_NO_MEMORY = const(84)

# Keys of the settings (NVS), beside those of the root's registration.py.
CLIENT_ID = "client_id"  # the one that the token is for
NOT_LISTED = "regnwl"  # number; 1: the flavour of that name

_KEEPALIVE = const(60)
_MESSAGE_MAX = const(1024)
_TEXT_MAX = const(256)  # characters of a secret or token
_ACK_MS = const(10000)
_IDLE_MS = const(5)

# What waiting, or an operator at the console, may mend.
_AGAIN = (
    _E_CLOCK,
    _E_TLS,
    _E_LINK,
    _E_TIMEOUT,
    _E_PROTOCOL,
    _E_REGISTRATION,
    _E_NOT_REGISTERED,
    _E_NO_MEMORY,
)


def ensure(settings, *, feed=None, tries=None, connect_timeout_ms=10000, reply_timeout_ms=10000):
    """Register the board unless it is; blocks until that is done, for as long as it takes.

    settings: nvs.Store of the settings, which has the product's secret and gets the device's.
    A board with neither is left alone: Device says what is missing. feed: called while it waits
    (for a watchdog). tries: int, attempts before the error is raised, or None. The pauses are
    those of a sign-in, minutes after a refusal.

    Raises AlinkError: CONFIG (no TLS), NVS (what came cannot be kept), after `tries` the last one.
    ValueError for a setting that cannot work. None of them holds a secret.
    """
    pace = _Pace(feed)
    while needed(settings):
        began = time.ticks_ms()
        left = parts.ask("backoff", "wait_ms", pace)
        while time.ticks_diff(time.ticks_ms(), began) < left:
            _rest(feed)
        try:
            found = _ask(settings, pace, connect_timeout_ms, reply_timeout_ms)
        except AlinkError as e:
            if tries is not None:
                tries -= 1
            if tries == 0 or e.code not in _AGAIN:
                raise
            log.info("not registered:", e)
            parts.ask("clock", "doubted", e)
            parts.ask("backoff", "failed", pace, e.code)
            continue
        _keep(settings, found)
        log.info("registered as", settings.get_text("device_name"))
    if settings.get_text(PRODUCT_SECRET) is not None:
        # It has done its work here: the platform refuses a device that is in use. In other hands
        # it opens every device of the product that is not, so no board carries it longer than it
        # has to. Written after the own secret: a power cut in between ends up here again.
        hint(settings.erase, PRODUCT_SECRET)


def sign(product_key, device_name, product_secret, random, *, listed=True, instance=None):
    """-> (client_id, user_name, password), three str, with which a device asks for its secret.

    The form is that of the C SDK ("MQTT-based dynamic registration"); it goes over TLS alone.
    random: str, another one each time. listed: whether the platform knows the device's name
    already (authType=register, else regnwl). instance: str, the instance's id, or None for the
    public one without an id. Raises ValueError as credentials.sign() does.
    """
    credentials.check("product_key", product_key)
    credentials.check("device_name", device_name)
    credentials.check("product_secret", product_secret)
    content = "deviceName" + device_name + "productKey" + product_key + "random" + random
    tags = "random=%s,authType=%s,securemode=2,signmethod=hmacsha256" % (
        random,
        "register" if listed else "regnwl",
    )
    if instance is not None:
        tags += ",instanceId=" + instance
    client_id = device_name + "." + product_key + "|" + tags + "|"
    password = credentials.hmac_hex("hmacsha256", product_secret.encode(), content.encode())
    return client_id, device_name + "&" + product_key, password


def _keep(settings, found):
    # The token last: it alone says that the board is registered.
    for key in (CLIENT_ID, TOKEN, SECRET):
        if key in found:
            settings.set_text(key, found[key])
            if settings.get_text(key) != found[key]:
                raise AlinkError(_E_NVS, key)


def _ask(settings, pace, connect_ms, reply_ms):
    # One attempt -> {settings key: text}.
    if not settings.get_int("secure", 1):
        raise AlinkError(_E_CONFIG, "secure: a registration goes over TLS only")
    host = settings.get_text("host")
    credentials.check("host", host)
    product_key = settings.get_text("product_key")
    device_name = settings.get_text("device_name")
    listed = not settings.get_int(NOT_LISTED)
    signed = sign(
        product_key,
        device_name,
        settings.get_text(PRODUCT_SECRET),
        binascii.hexlify(os.urandom(8)).decode(),
        listed=listed,
        instance=_instance(host),
    )
    account = (
        host,
        settings.get_int("port") or 8883,
        True,
        settings.get_bytes("ca"),
        [text.encode() for text in signed],
        _KEEPALIVE,
        (connect_ms, _ACK_MS, _KEEPALIVE * 1000),
        _MESSAGE_MAX,
    )
    link = None
    try:
        link = parts.use("signin.connect").sign_in(pace, account, 0)
        topic = "/ext/register" if listed else "/ext/regnwl"
        payload = _receive(link, topic, pace.on_feed, reply_ms)
        link.send(b"\xe0\0", 2)
    except (OSError, ValueError, AlinkError, MemoryError) as exc:
        error = parts.ask("faults", "named", exc)
        if error.code == _E_REFUSED:
            error = AlinkError(_E_REGISTRATION, error.detail.split(":")[0])
        raise error
    finally:
        if link is not None:
            link.close()
    found = _read(payload, product_key, device_name, listed)
    if found is None:
        raise AlinkError(_E_PROTOCOL, "the answer on " + topic)
    return found


def _instance(host):
    # The endpoint of an instance of one's own carries its id.
    name, _, rest = host.partition(".")
    return name if rest == "mqtt.iothub.aliyuncs.com" else None


def _receive(link, topic, feed, reply_ms):
    # The payload of the one message that comes by itself, right after the CONNACK.
    began = time.ticks_ms()
    while True:
        payload = next(link.recv)
        if payload is None:
            _rest(feed)
        elif payload is not True:
            mine = link.topic == topic
            next(link.recv)  # acknowledges it
            if mine:
                return payload
        if time.ticks_diff(time.ticks_ms(), began) > reply_ms:
            raise AlinkError(_E_NOT_REGISTERED, "nothing on " + topic)


def _read(payload, product_key, device_name, listed):
    # What the platform gave -> {settings key: text}; None unless all of it is there and ours.
    try:
        data = json.loads(payload)
    except (ValueError, MemoryError, RuntimeError):
        return None
    if not isinstance(data, dict):
        return None
    if data.get("productKey") != product_key or data.get("deviceName") != device_name:
        return None
    try:
        if listed:
            found = {SECRET: data.get("deviceSecret")}
        else:
            found = {CLIENT_ID: data.get("clientId"), TOKEN: data.get("deviceToken")}
            credentials.check_client_id(found[CLIENT_ID])
        for key in found:
            credentials.check(key, found[key])
            if len(found[key]) > _TEXT_MAX:
                return None
    except ValueError:
        return None
    return found


def _rest(feed):
    if feed is not None:
        feed()
    time.sleep_ms(_IDLE_MS)


class _Pace:
    # What backoff.py and connect.py want of a Device. Whoever signs in next in this run has made
    # these attempts, too.
    def __init__(self, feed):
        self.on_feed = feed
        self.on_long = None
        self._at = time.ticks_ms()
        self._failures = 0
        # (Not a name of the device module, where it would be for good.)
        self._starts = getattr(device, "attempts", [])
        setattr(device, "attempts", self._starts)  # noqa: B010
