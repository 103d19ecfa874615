# No update before somebody has pressed a button: a lamp tells that one waits. MIT licence.

import time

from alink import parts, setup
from machine import Pin
from version import VERSION

ASK_S = 60  # a job that waits is looked at so often; each look takes a message and a line of NVS

button = Pin(4, Pin.IN, Pin.PULL_UP)  # to ground; (0 is BOOT on most boards, and does as well)
lamp = Pin(2, Pin.OUT, value=0)
waiting = agreed = None  # versions


def on_job(job):
    """Called for each job, and again after the seconds that it returned, over restarts too."""
    global waiting
    if job.version == agreed:
        waiting = None
        lamp.off()
        return True
    waiting = job.version
    lamp.on()
    print("version", waiting, "waits for the button")
    return ASK_S


def main():
    global agreed, setup
    settings = setup.settings()
    setup.online(settings)
    device = setup.device(settings)
    updater = setup.updater(device, VERSION, settings, on_job=on_job)
    setup = None
    parts.drop("setup")
    while True:
        updater.poll()
        # Pressed while the lamp is on: the next look takes it, at most ASK_S later.
        if waiting is not None and waiting != agreed and not button():
            agreed = waiting
            print("agreed to", agreed)
        if not updater.busy:
            time.sleep_ms(20)


main()
