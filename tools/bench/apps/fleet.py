# bench: the reference application of a board in a fleet: looks around once a second.
# MIT licence.

import select
import socket
import time

import common
from alink import Updater, log
from version import VERSION

log.level = 0
device, settings = common.begin(connect_timeout_ms=120000)
updater = Updater(device, VERSION, ca=settings.get_bytes("ca"))
settings = None


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
