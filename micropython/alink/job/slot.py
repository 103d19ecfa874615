# Slot: the inactive app partition; here what a download needs of it while it moves. MIT licence.
#
# One write() erases and writes one 4096-byte flash block (about 50 ms on an ESP32, 500 ms at
# worst), unless it holds the right bytes already (1 ms), and allocates nothing. The slot often
# holds the release before the last, with most of it at the same place. What comes before is in
# slot_begin.py and slot_rest.py, what comes after in slot_check.py, each loaded when it is asked
# for.

from micropython import const

from .. import parts

_BLOCK = const(4096)  # erase unit, and the piece in which everything travels
_ROW = const(7)  # blocks in a row that differ, before only each eighth is looked at


class Slot:
    """The app partition that does not run: the target of an update (see target.Target).

    label: str, of the partition, once begun. written: int, flash blocks that had to be written;
    row: so many since one was there already. spare: bytearray of 512 or 1024, the download's, to
    compare with; while it is None every block is written. holds: (size, method, digest) of what is
    made of a package. Its methods beside these are functions of slot_begin.py and slot_rest.py;
    look() is in image.py, activate() in slot_check.py.
    """

    work = None  # nothing waits to be done
    packs = True  # what comes may be a package: see packed.py for what there is of it here
    code = "job.unpack"  # what moves then

    label = rest = spare = holds = None  # what there is beside it is made by begin()
    at: int
    written: int
    row: int

    def __getattr__(self, name):
        home = "job.slot_rest"
        if name == "look":
            home = "job.image"
        elif name == "activate":
            home = "job.slot_check"
        elif name == "begin":
            home = "job.slot_begin"
        return lambda *args: getattr(parts.use(home), name)(self, *args)

    def write(self, block, n):
        """Write the next block[:n] (n = 4096, less only for the last), if it is not there already.

        block: the bytearray of 4096 that begin() was given; what lies behind n is overwritten
        with 0xFF. Raises AlinkError FLASH.
        """
        at = self.at // _BLOCK
        self.at += n
        for i in range(n, _BLOCK):
            block[i] = 0xFF
        part = self.part
        spare = self.spare
        i = 0
        try:
            # (Where all is another, looking for what is not would cost more than it saves.)
            while spare is not None and (self.row < _ROW or not at & _ROW):
                part.readblocks(at, spare, i)
                # (A comparison that needs no view of the block.)
                if block.find(spare, i, i + len(spare)) < 0:
                    break
                i += len(spare)
                if i == _BLOCK:
                    self.row = 0
                    return
            self.written += 1
            self.row += 1
            # The form with two arguments erases the block, then writes it.
            part.writeblocks(at, block)
        except OSError as e:
            self.fault(at, e)

    def finish(self):
        """Read one block back; True once the whole image has been and its digest is right.

        Call it until it returns True. Raises AlinkError READ_BACK or FLASH.
        """
        if self.rest is None:
            self.rest = parts.use("job.slot_check")
            self.checked = 0  # bytes read back
        return self.rest.finish(self)
