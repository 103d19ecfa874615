# A cable in place of Wi-Fi: an ESP32 with a PHY chip on its RMII pins. MIT licence.
#
# The pins are those of a board with a LAN8720 (Olimex ESP32-GATEWAY and alike). For a modem it is
# network.PPP(machine.UART(...)), connect(), and the same wait for isconnected().
#
# alink by itself, without this program, knows Wi-Fi alone: without wifi_ssid in NVS no update is
# taken that way, and a program that crashes at its start has to be mended at the desk.

import time

import machine
import network
from alink import parts, setup, trial
from version import VERSION


def online():
    """The cable is in, there is an address, and the clock is set (certificates have dates)."""
    lan = network.LAN(
        mdc=machine.Pin(23),
        mdio=machine.Pin(18),
        power=machine.Pin(5),
        phy_type=network.PHY_LAN8720,
        phy_addr=0,
        ref_clk=machine.Pin(17),
        ref_clk_mode=machine.Pin.OUT,
    )
    lan.active(True)
    while not lan.isconnected():
        trial.feed()  # a new image runs under a watchdog at first
        time.sleep_ms(50)
    while not parts.ask("clock", "ask"):
        trial.feed()
        time.sleep_ms(2000)


def main():
    global setup
    online()  # first, as with Wi-Fi: its buffers are taken before Python's heap grows
    settings = setup.settings()
    device = setup.device(settings)
    updater = setup.updater(device, VERSION, settings)
    setup = None
    parts.drop("setup")
    while True:
        updater.poll()
        # Your own code goes here.
        if not updater.busy:
            time.sleep_ms(20)


main()
