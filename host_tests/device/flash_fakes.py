# Two app partitions in RAM in place of the chip's, for what writes slots. MIT licence.

import struct

import esp32
from alink.errors import AlinkError

BLOCK = 4096


class Partition:
    """esp32.Partition of a board with two slots of SIZE bytes; slot 0 runs."""

    RUNNING = 1
    SIZE = 8 * BLOCK
    slots = [bytearray(SIZE), bytearray(SIZE)]
    locked = False  # nothing may be written now
    broken = ""  # the method that fails, as worn flash does
    errno = 5  # and how
    written = 0
    erased = []
    booted = None  # the slot that boots next, once it was said

    def __init__(self, kind, index=0):
        self.index = index

    def info(self):
        return (0, 16 + self.index, 65536 + self.index * self.SIZE, self.SIZE, "ota_0", False)

    def get_next_update(self):
        self._try("get_next_update")
        return Partition(0, 1)

    def readblocks(self, block, buf, offset=0):
        self._try("readblocks")
        at = block * BLOCK + offset
        end = at + len(buf)
        if end > self.SIZE:
            raise OSError(-260)
        data = self.slots[self.index]
        for i in range(len(buf)):
            buf[i] = data[at + i]

    def writeblocks(self, block, buf, offset=0):
        self._try("writeblocks")
        assert self.index == 1 and not Partition.locked and len(buf) == BLOCK
        Partition.written += 1
        # (A slice would cost an object.)
        struct.pack_into("4096s", self.slots[1], block * BLOCK, buf)

    def ioctl(self, op, block):
        self._try("ioctl")
        assert op == 6 and self.index == 1
        self.erased.append(block)
        self.slots[1][block * BLOCK : (block + 1) * BLOCK] = b"\xff" * BLOCK

    def set_boot(self):
        self._try("set_boot")
        Partition.booted = self.index

    def _try(self, name):
        if self.broken == name:
            raise OSError(self.errno)


def fill(index, data, rest=255):
    """Slot `index` holds `data`, and the byte `rest` behind it."""
    Partition.slots[index][:] = data + bytes([rest]) * (Partition.SIZE - len(data))


def fails(code, call, *args):
    """-> the detail (str) of the AlinkError with `code` that call(*args) has to raise."""
    try:
        call(*args)
    except AlinkError as e:
        assert e.code == code, e
        return e.detail
    raise AssertionError("passed over")


esp32.Partition = Partition
