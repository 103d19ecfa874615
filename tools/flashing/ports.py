"""Which serial port the board is on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from serial.tools import list_ports

from tools.cli import Refused

# USB vendors of ESP32 boards: Espressif itself, and the makers of the usual serial converters.
VENDORS = {
    0x303A: "Espressif USB",
    0x10C4: "Silicon Labs CP210x",
    0x1A86: "WCH CH340",
    0x0403: "FTDI",
    0x067B: "Prolific PL2303",
}
_SHORTCUTS = {"a": "/dev/ttyACM", "u": "/dev/ttyUSB", "c": "COM"}  # those of mpremote


@dataclass(frozen=True)
class Port:
    """A serial port: the name to open, and what the computer says is there."""

    device: str
    description: str


def likely_ports() -> list[Port]:
    """The serial ports that a board could be on: those of USB, known converters first."""
    usb = [info for info in list_ports.comports() if info.vid is not None]
    usb.sort(key=lambda info: (info.vid not in VENDORS, info.device))
    return [
        Port(info.device, VENDORS.get(info.vid or 0) or info.description or "USB serial port")
        for info in usb
    ]


def choose_port(named: str | None) -> str:
    """The port to use: the one named, else the only one there is.

    Raises Refused when there is none, and when there are several (they are listed).
    """
    if named:
        return named
    found = likely_ports()
    if not found:
        raise Refused(
            "no board found: this computer has no USB serial port",
            "Plug the board in with a cable that carries data (many only charge), install the "
            "driver of its serial converter if it needs one, or name the port with --port.",
        )
    if len(found) > 1:
        listed = "".join(f"\n  --port {port.device}   ({port.description})" for port in found)
        raise Refused(
            f"{len(found)} serial ports could be the board",
            f"Say which one, or unplug the others:{listed}",
        )
    return found[0].device


def first_line(exc: BaseException) -> str:
    """What an error says, without the links and hints that some libraries put behind it."""
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(exc).__name__


def resolve(named: str | None) -> str:
    """The port that `--port` means: a path, a URL, or mpremote's auto, id:X, port:X, a0, u0, c0.

    Raises Refused when there is none, or several to choose from.
    """
    if named is None or named == "auto":
        return choose_port(None)
    if named.startswith("id:"):
        for info in list_ports.comports():
            if info.serial_number == named[3:]:
                return str(info.device)
        raise Refused(
            f"no port has the serial number {named[3:]}",
            "List them with mpremote connect list, or name the port itself.",
        )
    named = named.removeprefix("port:")
    short = re.fullmatch(r"([auc])(\d+)", named)
    return _SHORTCUTS[short[1]] + short[2] if short else named
