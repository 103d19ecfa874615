# The reference application: settings, network, time, sign-in, main loop. MIT licence.
#
# Copy it and put your own code where it says so. Settings come from NVS (namespace "alink"), where
# they survive every update: product_key, device_name, device_secret, host, port; wifi_ssid and
# wifi_pass; optional: ntp_host, ca (a CA certificate of your own, DER), secure and allow_http
# (numbers, for a test server without TLS); sign_key (your public RSA key: nothing unsigned is
# installed); product_secret in place of device_secret (and regnwl, a number): the board registers
# itself on first contact, see docs/security.md.

import time

from alink import parts, setup
from version import VERSION


def start():
    """Network first, then the rest -> Updater.

    In this order: Wi-Fi takes 44 KB that Python's heap, once it has grown, would not give back.
    """
    settings = setup.settings()
    setup.online(settings)  # replace it for Ethernet or PPP
    device = setup.device(settings)
    return setup.updater(device, VERSION, settings)


def main():
    global setup
    updater = start()
    print("version", VERSION)
    setup = None
    parts.drop("setup")  # what only the start needs need not stay in RAM
    while True:
        updater.poll()
        # Your own code goes here: one short step a turn, no long sleeps.
        if not updater.busy:
            time.sleep_ms(10)


main()
