# From the settings in NVS to a board that is on the network, a Device and an Updater. MIT licence.
#
# For applications that keep their settings where flash.py provision puts them; loaded for the
# start and let go (see main.py).

import gc
import time

import network
from micropython import const

from . import parts, trial

_CLOSE = const(1000)  # bytes, see _made(); of a large heap (PSRAM) more: there each one takes long
_WIFI_RETRY_MS = 20000  # an attempt that has not succeeded by then is started again


def settings():
    """The settings (nvs.Store): what `flash.py provision` has written.

    For the start: it is let go once there is an Updater. An application that reads settings later
    makes its own Store out of alink.journal.
    """
    nvs = parts.use("nvs")  # (Which is let go, even where this module is kept.)
    return nvs.Store(nvs.SETTINGS)


def online(settings, limit_ms=None):
    """Join the Wi-Fi and set the clock (certificates have dates), for as long as it takes.

    A board without settings says so and waits for them. limit_ms: int, after which it raises
    OSError instead, or None.
    """
    began = time.ticks_ms()
    _need(settings, "wifi_ssid", began, limit_ms)
    parts.release()  # it is what Wi-Fi takes
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    started = None
    while not wlan.isconnected():
        _check(began, limit_ms)
        trial.feed()  # on trial a watchdog is armed, and nothing else feeds it here
        if started is None or time.ticks_diff(time.ticks_ms(), started) > _WIFI_RETRY_MS:
            try:
                wlan.disconnect()
                wlan.connect(settings.get_text("wifi_ssid"), settings.get_text("wifi_pass"))
            except OSError as e:
                print("wifi:", e)
            started = time.ticks_ms()
        time.sleep_ms(50)
    parts.guard()
    while not parts.ask("clock", "ask"):
        _check(began, limit_ms)
        trial.feed()
        time.sleep_ms(2000)


def _need(settings, key, began, limit_ms):
    # A new board is no fault: no traceback, and no restart after restart.
    if settings.get_text(key):
        return
    print("this board has no %s yet: flash.py provision sets it" % key)
    while not settings.get_text(key):
        _check(began, limit_ms)
        trial.feed()
        time.sleep_ms(500)


def _check(began, limit_ms):
    if limit_ms is not None and time.ticks_diff(time.ticks_ms(), began) > limit_ms:
        raise OSError("no network")


def device(settings, **more):
    """The Device of these settings; more: further arguments of its.

    A board with a product secret alone registers itself. One without an identity says so and
    waits for it.
    """
    for key in ("product_key", "device_name", "host"):
        _need(settings, key, 0, None)
    if settings.get_text("product_secret"):
        parts.use("signin.registration").ensure(settings, feed=trial.feed)
        parts.drop("signin")
    return _made(
        "device",
        "Device",
        settings.get_text("product_key"),
        settings.get_text("device_name"),
        settings.get_text("device_secret"),
        settings.get_text("host"),
        settings.get_int("port") or None,
        secure=bool(settings.get_int("secure", 1)),
        ca=_ca(settings),
        device_token=settings.get_text("device_token"),
        client_id=settings.get_text("client_id"),
        **more,
    )


def updater(device, version, settings, **more):
    """The Updater of these settings; more: further arguments and hooks of its."""
    return _made(
        "updater",
        "Updater",
        device,
        version,
        ca=_ca(settings),
        allow_http=bool(settings.get_int("allow_http")),
        **more,
    )


def _made(home, name, *args, **more):
    # What stays is not to lie between the garbage of its making: that is collected often.
    often = gc.threshold()
    gc.threshold(max(_CLOSE, gc.mem_free() >> 7))
    try:
        return getattr(parts.use(home), name)(*args, **more)
    finally:
        gc.threshold(often)


def _ca(settings):
    # Where it is, which is all that is kept of it: see signin/tls.py.
    return True if settings.get_bytes("ca") else None


parts.guard()  # an application may be large already when it comes to online()
