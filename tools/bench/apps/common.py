# bench: how the applications of this folder begin. MIT licence.
#
# Not those of which the memory or the first moments are measured (allocated, bare, baseline,
# first_line, states, whole): what a board loads to begin with is part of that: each has its own.

import time

import network
from alink import parts, setup, trial


def begin(**options):
    """Network, then a Device of the settings in NVS, with these options -> (Device, settings)."""
    settings = setup.settings()
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    wlan.connect("desk", "")
    while not wlan.isconnected():
        trial.feed()
        time.sleep_ms(10)
    device = setup.device(settings, **options)
    parts.drop("setup")
    return device, settings
