# bench: an application that counts what an update reads of flash. MIT licence.

import json
import time

import esp32
from alink import parts, setup
from version import VERSION

LINE = "this line is what a release may change"
plain = esp32.Partition.readblocks
read = 0  # bytes since the last job came


def readblocks(self, block, data, *offset):
    global read
    read += len(data)
    return plain(self, block, data, *offset)


def on_job(job):
    global read
    read = 0


def on_state(state):
    if state == "restarting":
        print("bench read", json.dumps(read))


def main():
    global setup
    esp32.Partition.readblocks = readblocks
    # As in micropython/examples/sensor.py, on purpose: what is measured is what people write.
    settings = setup.settings()
    setup.online(settings)
    device = setup.device(settings)
    updater = setup.updater(device, VERSION, settings)
    setup = None
    parts.drop("setup")
    updater.on_job = on_job
    updater.on_state = on_state
    while True:
        updater.poll()
        if not updater.busy:
            time.sleep_ms(2)


main()
