# Every change of the flash goes through here: NOR rules, operation log, power cut. MIT licence.
#
# The flash is a file. An operation is the erase of one sector or the programming of one range;
# each is numbered and logged (12 bytes: kind, address, length), and operation k can be told to
# lose power before, in the middle of, or after itself. With a tape its time and its bytes are kept
# too (tape.py). Nothing here allocates on the good path. An operation takes no longer than the
# file does: what a chip needs for an erase (50 ms) is not imitated.

import struct

import utime
from micropython import const

from simchip import control
from simchip.formats import nor

SECTOR = const(4096)

_KIND_ERASE = const(1)
_KIND_PROGRAM = const(2)
_BEFORE = const(1)
_MIDDLE = const(2)
_AFTER = const(3)
_WHEN = {"before": 1, "middle": 2, "after": 3}

_flash = None
_log = None
_left = -1  # operations until the power cut; below 0: none
_when = 0
_record = bytearray(12)
_tape = None
_stamped = bytearray(20)
_blank = bytearray(b"\xff" * SECTOR)
_old = bytearray(b"\xff" * SECTOR)  # stays 0xFF between calls: see _check
_forbidden = []  # start, end, start, end ... of what ESP-IDF aborts for


def attach(config, forbidden):
    """Open flash and log; forbidden: [start, end, ...] of running slot, bootloader and table."""
    global _flash, _log, _tape, _left, _when, _forbidden
    _flash = open(config["flash"], "r+b")  # noqa: SIM115 (held for the whole run)
    _log = open(config["log"], "ab")  # noqa: SIM115
    if config.get("tape"):
        _tape = open(config["tape"], "ab")  # noqa: SIM115
    _forbidden = forbidden
    cut = config.get("cut")
    if cut:
        _left = cut["op"]
        _when = _WHEN[cut["when"]]


def read_into(address, buf):
    """Fill `buf` from flash."""
    control.depth += 1
    try:
        if _flash is None:
            raise RuntimeError(control.NO_BOARD)
        _flash.seek(address)
        _flash.readinto(buf)
    finally:
        control.depth -= 1


def read(address, length):
    """bytes of the flash."""
    buf = bytearray(length)
    read_into(address, buf)
    return bytes(buf)


def _begin(kind, address, length, buf):
    # 0 when the operation simply happens, else when its power cut comes.
    global _left
    i = 0
    while i < len(_forbidden):
        if address < _forbidden[i + 1] and address + length > _forbidden[i]:
            control.panic(
                "abort() was called: write to a protected flash region at 0x%x" % address
            )
        i += 2
    when = 0
    if _left > 0:
        _left -= 1
        if _left == 0:
            when = _when
    if when == _BEFORE:
        control.end(b"C\n")
    struct.pack_into("<III", _record, 0, kind, address, length)
    _log.write(_record)
    if _tape is not None:
        struct.pack_into("<IIIQ", _stamped, 0, kind, address, length, utime.time_ns())
        _tape.write(_stamped)
        if buf is not None:
            _tape.write(buf)
    return when


def erase(address):
    """Set one sector to 0xFF."""
    control.depth += 1
    try:
        _erase(address)
    finally:
        control.depth -= 1


def _erase(address):
    if address % SECTOR:
        control.violation(nor.MISALIGNED % address)
    _put(_KIND_ERASE, address, _blank, SECTOR)


def program(address, buf):
    """Write `buf` (any length): bits only go from 1 to 0."""
    control.depth += 1
    try:
        _program(address, buf)
    finally:
        control.depth -= 1


def _program(address, buf):
    length = len(buf)
    _check(address, buf, length)
    _put(_KIND_PROGRAM, address, buf, length)


def _put(kind, address, buf, length):
    when = _begin(kind, address, length, buf if kind == _KIND_PROGRAM else None)
    _flash.seek(address)
    if when == _MIDDLE:
        _flash.write(buf, length // 2)
    else:
        _flash.write(buf)
    if when:
        control.end(b"C\n")


def _check(address, buf, length):
    done = 0
    while done < length:
        n = length - done
        if n > SECTOR:
            n = SECTOR
        _flash.seek(address + done)
        _flash.readinto(_old, n)
        if _old != _blank:
            i = 0
            while i < n:
                if buf[done + i] & ~_old[i]:
                    control.violation(nor.LIFTED % (address + done + i, _old[i], buf[done + i]))
                _old[i] = 0xFF
                i += 1
        done += n
