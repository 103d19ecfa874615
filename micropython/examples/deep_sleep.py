# On a battery: awake for a reading and for what the platform has to say, asleep for a quarter of
# an hour. Updates come in the moments in between. MIT licence.

import time

import machine
from alink import AlinkError, parts, setup, trial
from version import VERSION

SLEEP_MS = 15 * 60_000
LISTEN_MS = 6_000  # the platform is asked for a job 3 s after the sign-in
LOST_MS = 90_000  # no link by then: another time


def sleep(device):
    """Until the next start; on trial never, since a sleep proves nothing: it would be repeated."""
    if not trial.running():
        if device is not None:
            device.disconnect()
        print("asleep")
        machine.deepsleep(SLEEP_MS)


def publish(device, topic):
    """The reading -> packet id, 0 if the link broke just now."""
    try:
        return device.publish(topic, '{"cause": %d}' % machine.reset_cause(), qos=1)
    except AlinkError as e:
        print(e)
        return 0


def main():
    global setup
    settings = setup.settings()
    try:
        setup.online(settings, None if trial.running() else LOST_MS)
    except OSError as e:
        print(e)
        sleep(None)
    device = setup.device(settings)
    # (A trial that had no link is tried again after ten minutes with one, unless told: too long.)
    updater = setup.updater(device, VERSION, settings, retry_trial_ms=LISTEN_MS // 2)
    setup = None
    parts.drop("setup")
    topic = "/%s/%s/user/reading" % (device.product_key, device.device_name)
    sent = session = 0
    since = time.ticks_ms()
    while True:
        updater.poll()
        waited = time.ticks_diff(time.ticks_ms(), since)
        if device.connected and session != device.session:
            session = device.session
            since = time.ticks_ms()
            sent = publish(device, topic)
        elif device.acked(sent):
            updater.proven()  # the reading has arrived: this version works, a minute is not needed
            if waited >= LISTEN_MS and updater.state in ("idle", "deferred"):
                sleep(device)
        elif waited >= LOST_MS and updater.state in ("idle", "deferred"):
            sleep(device)
        if not updater.busy:
            time.sleep_ms(20)


main()
