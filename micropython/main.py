# The reference application: settings, network, time, sign-in, main loop. MIT licence.
#
# Copy it and put your own code where it says so. Settings come from NVS (namespace "alink"), where
# they survive every update: product_key, device_name, device_secret, host, port; wifi_ssid and
# wifi_pass; optional: ntp_host, ca (a CA certificate of your own, DER), secure and allow_http
# (numbers, for a test server without TLS); sign_key (your public RSA key: nothing unsigned is
# installed); product_secret in place of device_secret (and regnwl, a number): the board registers
# itself on first contact, see docs/security.md.

import time

import network
import ntptime
from alink import Device, Updater, trial
from alink.journal import SETTINGS, Store
from version import VERSION

_WIFI_RETRY_MS = 20000  # an attempt that has not succeeded by then is started again


def network_up(settings):
    """Join the network, for as long as it takes. Replace it for Ethernet or PPP."""
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    started = None
    while not wlan.isconnected():
        trial.feed()  # on trial a watchdog is armed, and nothing else feeds it here
        if started is None or time.ticks_diff(time.ticks_ms(), started) > _WIFI_RETRY_MS:
            try:
                wlan.disconnect()
                wlan.connect(settings.get_text("wifi_ssid"), settings.get_text("wifi_pass"))
            except OSError as e:
                print("wifi:", e)
            started = time.ticks_ms()
        time.sleep_ms(50)


def set_time(settings):
    """Set the clock from NTP: certificates have dates. True when it is set."""
    if time.gmtime()[0] < 2024:
        ntptime.host = settings.get_text("ntp_host", "ntp.aliyun.com")
        try:
            ntptime.settime()
        except (OSError, OverflowError) as e:
            print("ntp:", e)
    return time.gmtime()[0] >= 2024


def online(settings):
    """Network and time, for as long as it takes."""
    network_up(settings)
    while not set_time(settings):
        trial.feed()
        time.sleep_ms(2000)


def main():
    settings = Store(SETTINGS)
    ca = settings.get_bytes("ca")
    if settings.get_text("product_secret"):
        from alink import registration  # of no use to a board that has its own secret

        online(settings)
        registration.ensure(settings, feed=trial.feed)
    device = Device(
        settings.get_text("product_key"),
        settings.get_text("device_name"),
        settings.get_text("device_secret"),
        settings.get_text("host"),
        settings.get_int("port") or None,
        secure=bool(settings.get_int("secure", 1)),
        ca=ca,
        device_token=settings.get_text("device_token"),
        client_id=settings.get_text("client_id"),
    )
    updater = Updater(
        device,
        VERSION,
        ca=ca,
        allow_http=bool(settings.get_int("allow_http")),
        sign_key=settings.get_bytes("sign_key"),
    )
    online(settings)
    print("version", VERSION)
    while True:
        updater.poll()
        # Your own code goes here: one short step a turn, no long sleeps.
        if not updater.busy:
            time.sleep_ms(10)


main()
