# network.LAN of an ESP32 with a PHY chip, loaded when a program asks for it. MIT licence.
#
# Arguments and messages are those of MicroPython's ports/esp32 (network_lan.c), for the PHY chips
# on the RMII pins; those on SPI are not here. Whether the board has one, and a cable, is said from
# outside: Board(ethernet=...).

import time

from network import _ipconfig
from simchip import control

PHY_LAN8710 = 0
PHY_LAN8720 = 1
PHY_IP101 = 2
PHY_RTL8201 = 3
PHY_DP83848 = 4
PHY_KSZ8041 = 5
PHY_KSZ8081 = 6

ETH_INITIALIZED = 0
ETH_STARTED = 1
ETH_STOPPED = 2
ETH_CONNECTED = 3
ETH_DISCONNECTED = 4
ETH_GOT_IP = 5

_ADDRESS = ("192.168.5.2", "255.255.255.0", "192.168.5.1", "192.168.5.1")
_LEASE_MS = 50  # until there is an address


class LAN:
    """The one Ethernet interface: made with all its arguments once, then always the same."""

    def __new__(cls, *args, **settings):
        return object.__new__(cls) if control.lan is None else control.lan

    def __init__(
        self,
        id=None,
        *,
        phy_addr=None,
        phy_type=None,
        mdc=None,
        mdio=None,
        reset=None,
        power=None,
        ref_clk_mode=-1,
        ref_clk=None,
    ):
        if control.lan is not None:
            return
        if phy_addr is None or phy_type is None:
            raise TypeError("phy_addr and phy_type are required")
        if id is not None and id != 0:
            raise ValueError("invalid LAN interface identifier")
        from sim_pins import Pin

        for pin in (mdc, mdio, reset, power, ref_clk):
            if pin is not None:
                Pin(pin)
        if not 0 <= phy_addr <= 31:
            raise ValueError("invalid phy address")
        if not 0 <= phy_type <= PHY_KSZ8081:
            raise ValueError("invalid phy type")
        if mdc is None or mdio is None:
            raise ValueError("mdc and mdio must be specified")
        if control.memory:
            raise NotImplementedError("what Ethernet takes of an ESP32's memory is not known here")
        if not control.config.get("phy"):
            raise OSError("esp_eth_driver_install failed")
        self._since = None  # ticks since which it is active and the cable is in
        self._active = False
        control.lan = self

    def active(self, state=None):
        if state is not None:
            self._active = bool(state)
            self._since = None
        return self._active

    def isconnected(self):
        return self.status() == ETH_GOT_IP

    def status(self):
        if not self._active:
            return ETH_INITIALIZED
        if not control.flag(control.CABLE):
            self._since = None
            return ETH_STARTED
        if self._since is None:
            self._since = time.ticks_ms()
        up = time.ticks_diff(time.ticks_ms(), self._since) >= _LEASE_MS
        return ETH_GOT_IP if up else ETH_CONNECTED

    def ifconfig(self, settings=None):
        if settings is None:
            return _ADDRESS if self.isconnected() else ("0.0.0.0",) * 4

    def ipconfig(self, name=None, **settings):
        return _ipconfig(self.ifconfig(), name, settings)

    def config(self, name=None, **settings):
        if name == "mac":
            return bytes.fromhex(control.config.get("unique_id", "240ac4000001"))
        if name is not None:
            raise ValueError("unknown config param")
