# Slot: the inactive app partition; erase, write, read back, activate. MIT licence.
#
# RAM: nothing but the caller's chunk; per chunk it allocates nothing. One write() erases and
# writes one 4096-byte flash block (about 50 ms on an ESP32, 500 ms at worst), one finish() reads
# one block back: these are the bounds that poll() documents.

import hashlib

import esp32
from micropython import const

from . import errors, image, trial
from .errors import AlinkError

BLOCK = const(4096)  # erase unit, and the chunk in which everything travels

_VALIDATE_FAILED = -5379  # ESP_ERR_OTA_VALIDATE_FAILED out of set_boot()


class Slot:
    """The app partition that does not run: the target of an update.

    An Updater talks to it, as to any target, by begin(size), write(chunk), finish(), activate().
    """

    def __init__(self):
        running = esp32.Partition(esp32.Partition.RUNNING)
        self._running_address = running.info()[2]
        head = bytearray(image.HEAD_SIZE)
        running.readblocks(0, head, 0)
        self._chip = image.chip_id(head)
        self._part = None
        self._chunk = None
        self._hash = None
        self._digest = None
        self._size = 0
        self._length = 0
        self._written = 0
        self._checked = 0

    def begin(self, size, method, digest, chunk):
        """Get ready for an image; nothing is erased yet.

        size: int, bytes. method: "md5" or "sha256", digest: bytes, what flash must hold at the
        end. chunk: bytearray of 4096, used for reading back. Raises AlinkError ON_TRIAL, NO_SLOT
        or TOO_LARGE.
        """
        if trial.running():
            # The other slot holds the only fallback.
            raise AlinkError(errors.ON_TRIAL)
        self._part, address, length = _inactive()
        if address == self._running_address:
            # Cannot happen by ESP-IDF's rules; writing there would stop the program for good.
            raise AlinkError(errors.NO_SLOT)
        if size > length:
            raise AlinkError(errors.TOO_LARGE, "%d bytes, slot %d" % (size, length))
        self._hash = getattr(hashlib, method)()
        self._digest = digest
        self._chunk = chunk
        self._size = size
        self._length = length
        self._written = 0
        self._checked = 0

    def begin_check(self, size, method, digest, chunk):
        """As begin(), for an image that is in the slot already: only finish() and activate()."""
        self.begin(size, method, digest, chunk)
        self._written = size

    def write(self, chunk, n):
        """Write the next chunk[:n] (n = 4096, less only for the last).

        chunk: bytearray of 4096; what lies behind n is overwritten with 0xFF. The first chunk is
        checked before anything is erased. Raises AlinkError IMAGE_* or FLASH.
        """
        if self._written == 0:
            image.check(chunk, self._size, self._chip)
        for i in range(n, BLOCK):
            chunk[i] = 0xFF
        block = self._written // BLOCK
        try:
            # The form with two arguments erases the block, then writes it.
            self._part.writeblocks(block, chunk)
        except OSError as e:
            raise AlinkError(errors.FLASH, "block %d: %s" % (block, e)) from None
        self._written += n
        if self._written == self._size and (block + 2) * BLOCK <= self._length:
            # Behind the image: an older one's volume must not seem to be this one's application.
            self._erase(block + 1)

    def _erase(self, block):
        try:
            self._part.ioctl(6, block)
        except OSError as e:
            raise AlinkError(errors.FLASH, "block %d: %s" % (block, e)) from None

    def recall(self, chunk):
        """Read the next 4096 bytes that were written before a reset, instead of writing them.

        chunk: bytearray of 4096. Raises AlinkError IMAGE_* or FLASH.
        """
        block = self._written // BLOCK
        try:
            self._part.readblocks(block, chunk, 0)
        except OSError as e:
            raise AlinkError(errors.FLASH, "block %d: %s" % (block, e)) from None
        if block == 0:
            image.check(chunk, self._size, self._chip)
        self._written += BLOCK

    def finish(self):
        """Read one block back; True once the whole image has been and its digest is right.

        Call it until it returns True. Raises AlinkError READ_BACK or FLASH.
        """
        if self._written != self._size:
            raise AlinkError(errors.READ_BACK, "%d of %d bytes" % (self._written, self._size))
        block = self._checked // BLOCK
        n = self._size - self._checked
        try:
            self._part.readblocks(block, self._chunk, 0)
        except OSError as e:
            raise AlinkError(errors.FLASH, "block %d: %s" % (block, e)) from None
        if n > BLOCK:
            self._hash.update(self._chunk)
            self._checked += BLOCK
            return False
        self._hash.update(memoryview(self._chunk)[:n])
        if self._hash.digest() != self._digest:
            raise AlinkError(errors.READ_BACK)
        return True

    def activate(self):
        """Make the slot the one that boots next, on trial. Raises AlinkError BOOT_REFUSED."""
        try:
            self._part.set_boot()
        except OSError as e:
            if e.errno == _VALIDATE_FAILED:
                raise AlinkError(errors.BOOT_REFUSED) from None
            raise AlinkError(errors.FLASH, "otadata: %s" % e) from None

    @property
    def label(self):
        """The partition label of the slot begun (str)."""
        return self._part.info()[4]


def _inactive():
    # -> (Partition, address, length) of the slot that an update goes to
    try:
        part = esp32.Partition(esp32.Partition.RUNNING).get_next_update()
    except OSError:
        raise AlinkError(errors.NO_SLOT) from None
    info = part.info()
    return part, info[2], info[3]
