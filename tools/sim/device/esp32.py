# esp32 with what a stock firmware's module has and an updater uses: Partition and NVS.
# MIT licence.
#
# Signatures, results and OSError numbers are those of MicroPython's ports/esp32 over ESP-IDF:
# an esp_err_t comes out as OSError(-code, "ESP_ERR_...").

from micropython import const
from simchip import chip_nvs, control, ops
from simchip.esp_err import fail
from simchip.formats import image, otadata, table

HEAP_DATA = const(4)
HEAP_EXEC = const(2)

NVS = chip_nvs.NVS

_SECTOR = const(4096)

_entries = None
_running = None


def attach(entries, running):
    """The boot ROM's part: the partition table and the address of the running slot."""
    global _entries, _running
    _entries = chip_nvs.entries = entries
    for entry in entries:
        if entry.address == running:
            _running = entry


def _table():
    if _entries is None:
        raise RuntimeError(control.NO_BOARD)
    return _entries


def _otadata():
    found = table.find(_table(), table.TYPE_DATA, table.SUBTYPE_DATA_OTA)
    if not found:
        fail(0x105)
    at = found[0].address
    return at, [otadata.decode(ops.read(at + n * _SECTOR, otadata.SIZE)) for n in (0, 1)]


def _write_otadata(at, index, entry):
    ops.erase(at + index * _SECTOR)
    ops.program(at + index * _SECTOR, otadata.encode(entry))


def _boot_entry():
    count = table.ota_count(_table())
    entries = _otadata()[1]
    index = otadata.active(entries)
    if count and index >= 0:
        return table.find(_entries, 0, table.SUBTYPE_OTA_0 + entries[index].slot(count))[0]
    for subtype in (table.SUBTYPE_FACTORY, table.SUBTYPE_OTA_0):
        found = table.find(_entries, table.TYPE_APP, subtype)
        if found:
            return found[0]
    return None


class Partition:
    """One partition of the flash, as block device and as boot target."""

    BOOT = 0
    RUNNING = 1
    TYPE_APP = 0
    TYPE_DATA = 1

    def __init__(self, id, block_size=4096, _entry=None):
        entry = _entry
        if entry is None:
            if isinstance(id, int):
                if id not in (0, 1):
                    raise ValueError
                entry = (_table() and _running) if id == 1 else _boot_entry()
            else:
                found = table.find(_table(), table.TYPE_APP, None, id)
                found = found or table.find(_entries, table.TYPE_DATA, None, id)
                entry = found[0] if found else None
        if entry is None:
            raise OSError(2)
        self._entry = entry
        self._base = entry.address
        self._size = entry.size
        self._block_size = block_size & 0xFFFF
        # Made once: the chip keeps it as long as the object too.
        self._cache = bytearray(_SECTOR) if self._block_size < _SECTOR else None

    def __repr__(self):
        e = self._entry
        form = "<Partition type=%d, subtype=%d, address=%d, size=%d, label=%s, encrypted=%d>"
        return form % (e.type, e.subtype, e.address, e.size, e.label, e.encrypted)

    @staticmethod
    def find(type=0, subtype=0xFF, label=None, block_size=4096):
        wanted = None if subtype == 0xFF else subtype
        found = table.find(_table(), type, wanted, label)
        return [Partition(None, block_size, entry) for entry in found]

    def info(self):
        e = self._entry
        return (e.type, e.subtype, e.address, e.size, e.label, e.encrypted)

    # (The same in each method, on purpose: control.py tells what `depth` is and how it is left.)
    def readblocks(self, block, buf, offset=0):
        control.depth += 1
        try:
            return self._readblocks(block, buf, offset)
        finally:
            control.depth -= 1

    def _readblocks(self, block, buf, offset):
        at = block * self._block_size + offset
        self._inside(at, len(buf))
        ops.read_into(self._base + at, buf)

    def writeblocks(self, block, buf, offset=-1):
        control.depth += 1
        try:
            return self._writeblocks(block, buf, offset)
        finally:
            control.depth -= 1

    def _writeblocks(self, block, buf, offset):
        at = block * self._block_size
        if offset < 0:
            if self._cache is not None:
                self._rewrite(at, buf)
                return
            n = len(buf)
            self._inside(at, n)
            if at % _SECTOR:
                fail(0x102)
            if n % _SECTOR:
                fail(0x104)
            done = 0
            while done < n:
                ops.erase(self._base + at + done)
                done += _SECTOR
        else:
            at += offset
            self._inside(at, len(buf))
        ops.program(self._base + at, buf)

    def ioctl(self, op, arg):
        control.depth += 1
        try:
            return self._ioctl(op, arg)
        finally:
            control.depth -= 1

    def _ioctl(self, op, arg):
        if op in (1, 2, 3):
            return 0
        if op == 4:
            return self._size // self._block_size
        if op == 5:
            return self._block_size
        if op == 6:
            if self._block_size != _SECTOR:
                return -22
            at = arg * _SECTOR
            self._inside(at, _SECTOR)
            ops.erase(self._base + at)
            return 0
        return None

    def set_boot(self):
        control.depth += 1
        try:
            return self._set_boot()
        finally:
            control.depth -= 1

    def _set_boot(self):
        e = self._entry
        if image.verify(ops.read, e.address, e.size):
            fail(0x1503)
        if e.type != table.TYPE_APP:
            fail(0x102)
        if e.subtype == table.SUBTYPE_FACTORY:
            at = _otadata()[0]
            ops.erase(at)
            ops.erase(at + _SECTOR)
            return
        count = table.ota_count(_entries)
        slot = e.ota_index()
        if slot is None or slot >= count:
            fail(0x102)
        at, entries = _otadata()
        index, seq = otadata.next_seq(entries, slot, count)
        _write_otadata(at, index, otadata.renewed(entries[index], seq, otadata.NEW))

    def get_next_update(self):
        slots = [e for e in _table() if e.ota_index() is not None]
        slots.sort(key=lambda e: e.subtype)
        if not slots:
            raise OSError(2)
        entry = slots[0]
        for n in range(len(slots) - 1):
            if slots[n].address == self._base:
                entry = slots[n + 1]
        return Partition(None, 4096, entry)

    @classmethod
    def mark_app_valid_cancel_rollback(cls):
        control.depth += 1
        try:
            cls._mark_valid()
        finally:
            control.depth -= 1

    @staticmethod
    def _mark_valid():
        at, entries = _otadata()
        index = otadata.active(entries)
        if index < 0 or not table.ota_count(_table()):
            fail(-1)
        entry = entries[index]
        if entry.state != otadata.VALID:
            _write_otadata(at, index, otadata.renewed(entry, entry.seq, otadata.VALID))

    def _inside(self, at, n):
        if at < 0 or at > self._size:
            fail(0x102)
        if at + n > self._size:
            fail(0x104)

    def _rewrite(self, at, buf):
        # Blocks smaller than a sector: read, change, erase and write each sector they touch.
        n = len(buf)
        self._inside(at, n)
        source = memoryview(buf)
        done = 0
        while done < n:
            sector = (at + done) // _SECTOR * _SECTOR
            inner = at + done - sector
            piece = min(_SECTOR - inner, n - done)
            ops.read_into(self._base + sector, self._cache)
            self._cache[inner : inner + piece] = source[done : done + piece]
            ops.erase(self._base + sector)
            ops.program(self._base + sector, self._cache)
            done += piece


def idf_heap_info(capabilities):
    """[(total, free, largest free block, lowest free)] of each region.

    Those of an ESP32 without PSRAM with the setting heap = "esp32"; else of one that has plenty.
    """
    if control.memory:
        return control.memory.info(capabilities)
    if capabilities == HEAP_EXEC:
        return [(16384, 8192, 8192, 8192)]
    return [(229376, 102400, 94208, 92160), (4194304, 4063232, 4063232, 4063232)]
