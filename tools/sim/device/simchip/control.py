# The line between the board and its boot ROM: settings in, one-line verbs out. MIT licence.
#
# Without a boot ROM (a bare interpreter with this folder on its path) `attached` is False, the
# settings are the defaults, and whatever needs a real board says so.

import json

import utime

attached = False
config = {}
events = None  # a byte a timer that is due: machine.py reads it
_out = None
_state = None
_byte = bytearray(1)

lan = None  # network.LAN(), once it was made

memory = None  # with an ESP32's memory: the module of that name

# Above 0 inside what is one call into C on the chip: timer callbacks wait until it is 0 again.
# Leaving has to be `depth -= 1` and nothing more: the interpreter looks for callbacks at jumps,
# and inside a file operation (C that called a block device in Python) none may run.
depth = 0

NO_BOARD = "no board here: run the program under tools.sim.Board or `python -m tools.sim run`"


def attach(path):
    """Take the settings the boot ROM left in a file (JSON) and open the lines to it."""
    global attached, config, events, _out, _state
    with open(path) as f:
        config = json.load(f)
    # Held for the whole run: once the root is the board's, the host's files are out of reach.
    _out = open("/dev/fd/%d" % config["control_fd"], "wb")  # noqa: SIM115
    events = open("/dev/fd/%d" % config["event_fd"], "rb")  # noqa: SIM115
    _state = open(config["state"], "rb")  # noqa: SIM115
    attached = True


def send(line):
    """Tell the boot ROM something: bytes, ends with a newline."""
    if not attached:
        raise RuntimeError(NO_BOARD)
    _out.write(line)


def flag(index):
    """One live board setting (int): WIFI, NTP or CABLE, whether it is there."""
    return _live(index) - 48


def online():
    """Whether the network can be reached, over the air or by a cable."""
    return flag(WIFI) or (lan is not None and lan.isconnected())


def level(pin):
    """What is connected to a pin gives it: 0, 1 or None for nothing."""
    found = _live(PINS + pin) - 48
    return found if 0 <= found <= 1 else None


def _live(index):
    global depth
    if not attached:
        return _BARE[min(index, PINS)]
    depth += 1
    try:
        _state.seek(index)
        _state.readinto(_byte)
    finally:
        depth -= 1
    return _byte[0]


WIFI = 0
NTP = 1
CABLE = 2
PINS = 3  # and what each pin is connected to
_BARE = b"110-"  # without a board


def end(line):
    """Say how this run ends and wait for the SIGKILL: nothing runs after this, as on the chip."""
    if memory:
        memory.look()
    send(line)
    while True:
        try:
            while True:
                utime.sleep_ms(1000)
        except KeyboardInterrupt:
            continue


def panic(text):
    """ESP-IDF aborts: registers on the console, then a reset."""
    end(b"P" + text.encode() + b"\n")


def violation(text):
    """A rule of the flash chip was broken: the sim stops the board and says why."""
    end(b"V" + text.encode() + b"\n")
