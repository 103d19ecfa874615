# What the chip's firmware does before and around the user's files (ports/esp32/main.c).
# MIT licence.

import gc
import io
import os
import sys

import utime
import vfs

from simchip import control, ops
from simchip.formats import table


def protected(entries, running):
    """[start, end, ...] of what ESP-IDF aborts for: bootloader, table, running slot."""
    regions = [0, 0x9000]
    for entry in entries:
        if entry.address == running:
            regions += [entry.address, entry.address + entry.size]
    return regions


def mount(config):
    """Swap the host's root for the board's own file system; the host stays in /_sim, read-only.

    False when the file system is damaged: stock firmware then says so and runs nothing.
    """
    import esp32

    vfs.umount("/")
    for point, folder in config["mounts"].items():
        vfs.mount(vfs.VfsPosix(folder), point, readonly=True)
    found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="vfs")
    if not found:
        return True
    device = found[0]
    try:
        root = vfs.VfsLfs2(device)
    except OSError:
        if ops.read(device.info()[2], 4096).count(b"\xff") != 4096:
            print("The file system appears to be damaged: no script is run. Erase it to go on.")
            return False
        print("Performing initial setup")
        vfs.VfsLfs2.mkfs(device)
        root = vfs.VfsLfs2(device)
        vfs.mount(root, "/")
        with open("boot.py", "w") as f:
            f.write("# This file is executed on every boot\n")
        return True
    vfs.mount(root, "/")
    return True


# Of the chip's modules in C those that a program may extend, and that are the sim's here.
EXTENSIBLE = ("machine", "socket", "time")


def extend():
    """Let go of those that the program has files for.

    They are looked for on the path then, as on the chip; with a `u` in front they stay.
    """
    for folder in sys.path:
        if ".frozen" in folder or folder == "/lib":
            break  # (and not behind it, where on the chip nothing is read for this)
        try:
            found = os.listdir(folder or ".")
        except OSError:
            continue
        for name in EXTENSIBLE:
            if name in sys.modules and (
                name in found or name + ".py" in found or name + ".mpy" in found
            ):
                del sys.modules[name]


def run_if_exists(name, scope):
    """True when the script ended well (or is not there), False after an exception."""
    try:
        os.stat(name)
    except OSError:
        return True
    try:
        execfile(name, scope)  # noqa: F821 (built into the unix port)
    except SystemExit:
        control.end(b"S\n")
    except BaseException as exc:
        if control.memory:
            control.memory.pause()
        _print(exc)
        if control.memory:
            control.memory.resume()
        control.send(b"E%s\n" % type(exc).__name__.encode())
        return False
    return True


def _print(exc):
    # As on the chip, where there is no frame of this file below the user's.
    text = io.StringIO()
    sys.print_exception(exc, text)
    for line in text.getvalue().split("\n")[:-1]:
        if "simchip/start.py" not in line:
            print(line)


def main(argument, scope):
    """Boot. argument: the settings file; scope: the dict of __main__.

    With the setting "repl" ("friendly", or "raw": no main.py then) it returns, and the
    interpreter's own REPL follows; otherwise nobody types, and it does not return.
    """
    control.attach(argument)
    config = control.config
    small = config.get("heap_bytes")
    if small:
        gc.threshold(16384)  # what is loaded here comes to lie close together
    entries = table.parse(_read_table(config["flash"]))
    ops.attach(config, protected(entries, config["running"]))
    import esp32

    esp32.attach(entries, config["running"])
    from simchip import board_tls, chip_asyncio

    if small:
        from simchip import memory
    whole = mount(config)
    # What the chip's firmware has frozen in: its own place, in front of what /lib has.
    sys.path[:] = ["", ".frozen", "/_sim/.frozen", "/lib"] + config["path"]
    sys.argv[:] = []
    # Built into the firmware on the chip: there already, so no search and no other copy.
    import socket  # noqa: F401
    import time  # noqa: F401

    import machine  # noqa: F401
    import network  # noqa: F401

    for name in EXTENSIBLE:
        sys.modules["u" + name] = sys.modules[name]
    sys.modules["tls"] = board_tls
    sys.modules["_asyncio"] = chip_asyncio
    if small:
        memory.attach(small)
    else:
        gc.collect()
        gc.threshold(-1)
    scope.clear()
    scope["__name__"] = "__main__"
    control.send(b"B\n")
    repl = config.get("repl")
    if whole and run_if_exists("boot.py", scope) and repl != "raw":
        extend()
        run_if_exists("main.py", scope)
    if small:
        memory.look()
    control.send(b"X\n")
    while not repl:  # nobody types, but timers and the watchdog go on
        try:
            while True:
                utime.sleep_ms(1000)
        except KeyboardInterrupt:
            continue


def _read_table(path):
    with open(path, "rb") as f:
        f.seek(table.TABLE_AT)
        return f.read(table.TABLE_SIZE)
