# bench: the reference application of a board in a fleet: looks around once a second.
# MIT licence.

import select
import time

import network
from alink import Device, Updater, log, trial
from alink.journal import SETTINGS, Store
from version import VERSION

log.level = 0
settings = Store(SETTINGS)
ca = settings.get_bytes("ca")
network.WLAN(network.STA_IF).active(True)
network.WLAN(network.STA_IF).connect("desk", "")
while not network.WLAN(network.STA_IF).isconnected():
    trial.feed()
    time.sleep_ms(50)
device = Device(
    settings.get_text("product_key"),
    settings.get_text("device_name"),
    settings.get_text("device_secret"),
    settings.get_text("host"),
    settings.get_int("port"),
    ca=ca,
    connect_timeout_ms=120000,
)
updater = Updater(device, VERSION, ca=ca)


def rest(ms):
    # The unix port's sleep_ms() wakes up a thousand times a second, which 500 boards on two cores
    # would feel; poll() on the session's socket sleeps in the kernel.
    link = device._link
    if link is None:
        time.sleep_ms(ms)
    else:
        poller = select.poll()
        poller.register(link.raw, select.POLLIN)
        poller.poll(ms)


while True:
    updater.poll()
    # About a block of flash on a chip; without it boards that share two cores would starve.
    if updater.busy:
        time.sleep_ms(20)
    else:
        rest(1000)
