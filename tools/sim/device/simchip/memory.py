# An ESP32's memory, put in place before boot.py runs: sim's setting heap = "esp32". MIT licence.
#
# heap.py has Python's side, idf.py the IDF heap's; here are the places where a program meets them:
# sockets, Wi-Fi, esp32.idf_heap_info(), TLS (chip_tls.py), gc (chip_gc.py), and the clock, which
# every program asks again and again, so that what it closed is noticed soon.

import sys

import usocket
import utime
from micropython import const

from simchip import chip_gc, chip_tls, control, datagrams, heap, idf

_EXEC = const(2)
_ENOMEM = const(12)
_ENFILE = const(23)


def attach(heap_bytes):
    """Make this interpreter's memory the chip's; everything loaded so far is the sim's own."""
    import socket
    import time

    import esp32
    import machine  # noqa: F401
    import network  # noqa: F401
    import ntptime  # noqa: F401
    import sim_pins  # noqa: F401
    import umqtt.simple  # noqa: F401 (frozen on the chip: first on the path, 912 bytes)

    try:
        esp32.NVS("sim")  # reads all there is: on the chip that is memory of C
    except OSError:
        pass
    control.memory = sys.modules[__name__]
    sys.modules["tls"] = chip_tls
    sys.modules["gc"] = chip_gc
    socket.socket = new_socket
    _watch(time)
    chip_gc.threshold(-1)
    heap.attach(heap_bytes)


def _watch(time):
    ticks_ms = time.ticks_ms

    def polled_ticks_ms():
        heap.poll()
        return ticks_ms()

    def polled_sleep_ms(ms):
        heap.poll()
        utime.sleep_ms(ms)
        heap.poll()

    def polled_sleep(seconds):
        heap.poll()
        utime.sleep(seconds)
        heap.poll()

    time.ticks_ms = polled_ticks_ms
    time.sleep_ms = polled_sleep_ms
    time.sleep = polled_sleep


def look():
    """The program ends, or the board: what has it come to?"""
    heap.look()


def pause():
    """No limits until resume(): for what the chip does in C and needs memory for here."""
    heap.pause()


def resume():
    """The chip's memory again."""
    heap.resume()


def new_socket(af=usocket.AF_INET, kind=usocket.SOCK_STREAM, proto=0):
    """socket.socket(): OSError(23) when the IDF heap has nothing for one, as lwIP says it."""
    if not idf.need(idf.SOCKET):
        chip_gc.collect()
        if not idf.need(idf.SOCKET):
            raise OSError(_ENFILE)
    made = usocket.socket(af, kind, proto)
    record = idf.track(made, idf.SOCKET)
    heap.refresh()
    return datagrams.Datagrams(made, record) if kind == usocket.SOCK_DGRAM else made


def open_handle():
    """esp32.NVS(): what ESP-IDF makes for it is never given back. OSError(12): no room."""
    if not idf.need(idf.HANDLE):
        raise OSError(_ENOMEM)
    idf.keep(idf.HANDLE)


def wifi(stage):
    """Wi-Fi comes to a stage (0: it is switched off); OSError("WiFi Out of Memory")."""
    heap.refresh()
    if stage:
        idf.wifi(stage)
    else:
        idf.wifi_off()
    heap.refresh()


def info(capabilities):
    """What esp32.idf_heap_info() returns."""
    heap.refresh()
    if capabilities == _EXEC:
        return [(16384, 8192, 8192, 8192)]
    return idf.info()
