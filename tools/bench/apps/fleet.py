# bench: the reference application of a board in a fleet: looks around once a second.
# MIT licence.

import select
import socket
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


def new_socket(*args):
    global last
    last = plain_socket(*args)
    return last


plain_socket = socket.socket
socket.socket = new_socket
last = None  # an idle board's is that of its session


def rest(ms):
    # The unix port's sleep_ms() wakes up a thousand times a second, which 500 boards on two cores
    # would feel; poll() on the session's socket sleeps in the kernel.
    if device.connected:
        poller = select.poll()
        poller.register(last, select.POLLIN)
        poller.poll(ms)
    else:
        time.sleep_ms(ms)


while True:
    updater.poll()
    # About a block of flash on a chip; without it boards that share two cores would starve.
    if updater.busy:
        time.sleep_ms(20)
    else:
        rest(1000)
