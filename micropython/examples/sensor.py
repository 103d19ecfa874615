# A sensor that publishes on a topic of its own, and is told there how often. MIT licence.

import json
import time

from alink import AlinkError, parts, setup
from machine import ADC, Pin
from version import VERSION

every_ms = 60_000


def told(topic, payload):
    """A message for this board, such as {"every_s": 10}."""
    global every_ms
    try:
        every_ms = max(int(json.loads(payload)["every_s"]), 1) * 1000
        print("every", every_ms, "ms")
    except (ValueError, KeyError, TypeError):
        print("not understood:", payload)


def main():
    global setup
    sensor = ADC(Pin(34), atten=ADC.ATTN_11DB)  # an ESP32's; 0 to 4 on a C3, 1 to 10 on S2 and S3
    settings = setup.settings()
    setup.online(settings)
    device = setup.device(settings)
    updater = setup.updater(device, VERSION, settings)
    setup = None
    parts.drop("setup")
    topic = "/%s/%s/user/sensor" % (device.product_key, device.device_name)
    device.subscribe(topic + "/set", told)
    last = None
    while True:
        updater.poll()
        now = time.ticks_ms()
        # (Not signed in while an update is taken in turn: what is not sent then comes later.)
        if device.connected and (last is None or time.ticks_diff(now, last) >= every_ms):
            last = now
            try:
                device.publish(topic, '{"mv": %d}' % (sensor.read_uv() // 1000), qos=1)
            except AlinkError as e:
                print("not sent:", e)
        if not updater.busy:
            time.sleep_ms(20)


main()
