# bench: says when it starts, when the package is there, and when the platform knows. MIT licence.
#
# It begins by itself, not with common.py: the time of that would be part of what it tells.

import time

print("bench first", time.ticks_diff(time.ticks_us(), time.bench_began))

began = time.ticks_us()
from alink import Device, Updater  # noqa: E402
from alink.journal import SETTINGS, Store  # noqa: E402

print("bench imported", time.ticks_diff(time.ticks_us(), began))
import network  # noqa: E402
from version import VERSION  # noqa: E402

settings = Store(SETTINGS)
ca = settings.get_bytes("ca")
network.WLAN(network.STA_IF).active(True)
network.WLAN(network.STA_IF).connect("desk", "")
while not network.WLAN(network.STA_IF).isconnected():
    time.sleep_ms(1)
device = Device(
    settings.get_text("product_key"),
    settings.get_text("device_name"),
    settings.get_text("device_secret"),
    settings.get_text("host"),
    settings.get_int("port"),
    ca=ca,
)
updater = Updater(device, VERSION, ca=ca)
told = False
while True:
    updater.poll()
    if device.connected and not updater.busy and not told:
        told = True
        print("bench reported", time.ticks_diff(time.ticks_us(), time.bench_began))
    time.sleep_ms(1)
