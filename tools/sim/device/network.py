# network.WLAN in its station role: joins whatever it is told to, when the board has Wi-Fi. And
# network.LAN, which is in sim_lan.py.
# MIT licence.

import time as _time

from simchip import control as _control

STA_IF = 0
AP_IF = 1

STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010
STAT_BEACON_TIMEOUT = 200
STAT_NO_AP_FOUND = 201
STAT_WRONG_PASSWORD = 202
STAT_ASSOC_FAIL = 203
STAT_HANDSHAKE_TIMEOUT = 204

AUTH_OPEN = 0
AUTH_WPA2_PSK = 3

_country = "XX"
_hostname = "mpy-esp32"


def __getattr__(name):
    if name != "LAN" and name[:4] not in ("PHY_", "ETH_"):
        raise AttributeError(name)
    return getattr(__import__("sim_lan"), name)


_ADDRESS = ("192.168.4.2", "255.255.255.0", "192.168.4.1", "192.168.4.1")


def country(code=None):
    global _country
    if code is None:
        return _country
    _country = code


def hostname(name=None):
    global _hostname
    if name is None:
        return _hostname
    _hostname = name


class WLAN:
    """One object an interface, as on the chip: WLAN(STA_IF) is WLAN(STA_IF)."""

    IF_STA = 0
    IF_AP = 1
    SEC_OPEN = 0
    SEC_WPA2 = 3
    PM_NONE = 0
    PM_PERFORMANCE = 1
    PM_POWERSAVE = 2

    def __new__(cls, interface=0):
        if interface not in (0, 1):
            raise ValueError("invalid WLAN interface identifier")
        if _control.memory:
            _control.memory.wifi(1)
        return _interfaces[interface]

    def __init__(self, interface=0):
        pass

    def _setup(self, interface):
        self._interface = interface
        self._active = False
        self._asked = None  # ticks of connect()
        self._up = False
        self._settings = {
            "mac": bytes.fromhex(_control.config.get("unique_id", "240ac4000001")),
            "hostname": _hostname,
            "reconnects": -1,
            "pm": 1,
            "channel": 1,
            "txpower": 20.0,
            "ssid": "",
        }

    def active(self, state=None):
        if state is not None:
            if _control.memory and self._active != bool(state):
                _control.memory.wifi(2 if state else 0)
            self._active = bool(state)
            if not state:
                self._asked = None
                self._up = False
        return self._active

    def connect(self, ssid=None, key=None, *, bssid=None):
        if self._interface:
            raise OSError("STA required")
        if not self._active:
            raise OSError("Wifi Not Started")
        if self._asked is not None and not self.isconnected():
            raise OSError("Wifi Internal State Error")
        if _control.memory:
            _control.memory.wifi(3)
        if ssid is not None:
            self._settings["ssid"] = ssid
        if self._asked is None:
            self._asked = _time.ticks_ms()

    def disconnect(self):
        if not self._active:
            raise OSError("Wifi Not Started")
        self._asked = None
        self._up = False

    def isconnected(self):
        if self._interface or self._asked is None or not _control.flag(_control.WIFI):
            self._up = False
            return False
        delay = _control.config.get("wifi_delay_ms", 50)
        if not self._up and _time.ticks_diff(_time.ticks_ms(), self._asked) >= delay:
            self._up = True
        return self._up

    def status(self, what=None):
        if what == "rssi":
            if not self.isconnected():
                raise OSError("Wifi Not Connected")
            return -55
        if what is not None:
            raise ValueError("unknown status param")
        if self._interface:
            return None
        if self.isconnected():
            return STAT_GOT_IP
        if self._asked is None:
            return STAT_IDLE
        tries = self._settings["reconnects"]
        waited = _time.ticks_diff(_time.ticks_ms(), self._asked)
        if 0 <= tries * 3000 < waited and not _control.flag(_control.WIFI):
            return STAT_NO_AP_FOUND
        return STAT_CONNECTING

    def ifconfig(self, settings=None):
        if settings is None:
            return _ADDRESS if self.isconnected() else ("0.0.0.0",) * 4

    def ipconfig(self, name=None, **settings):
        return _ipconfig(self.ifconfig() or _ADDRESS, name, settings)

    def config(self, name=None, **settings):
        if name is not None:
            if name in ("essid", "ssid"):
                return self._settings["ssid"]
            if name in ("dhcp_hostname", "hostname"):
                return self._settings["hostname"]
            if name not in self._settings:
                raise ValueError("unknown config param")
            return self._settings[name]
        for key in settings:
            if key not in self._settings:
                raise ValueError("unknown config param")
            self._settings[key] = settings[key]

    def scan(self):
        if not self._active:
            raise OSError("STA must be active")
        if not _control.flag(_control.WIFI):
            return []
        return [(b"desk", b"\x02\0\0\0\0\1", 1, -55, 3, False)]


def _ipconfig(address, name, settings):
    # What ipconfig() of an interface with this address says, Wi-Fi's and Ethernet's (sim_lan.py).
    if name == "addr4":
        return address[:2]
    if name == "gw4":
        return address[2]
    if name == "dhcp4":
        return True
    if name is not None or not settings:
        raise ValueError("unknown config param")


_interfaces = [object.__new__(WLAN), object.__new__(WLAN)]
for _n in (0, 1):
    _interfaces[_n]._setup(_n)
