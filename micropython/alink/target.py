# What every target of a download has, with defaults. MIT licence.

from micropython import const

from .errors import AlinkError

_E_JOB_FORM = const(20)


class Target:
    """Where the files of a module go: derive from it, and write what differs.

    label: str, what the bytes lie in, if a download can be resumed after a reset (recall() then
    has to work), else None. written: int, flash blocks that had to be written, where that is
    counted, else None. The calls come in this order:

    take(version, index, name, count): file `index` (0, 1, ...) of `count` of the set `version`
        comes, named `name` (str). Here AlinkError(JOB_FORM): only one file is taken.
    begin(size, method, digest, block): get ready for the first of `size` bytes, also when it
        starts over. method: "md5" or "sha256". digest: bytes, of the file. block: the download's
        own bytearray of 4096, free for use in finish().
    look(block, size): the first block has arrived: refuse the file before anything is written.
    work(): one bounded part of what waits to be done; True while write() has to wait for more.
    write(block, n): take block[:n]; n is 4096, less only for the last. Must not keep the block.
    recall(block): read the next 4096 bytes that were written before a reset into `block`.
    finish(): one bounded part of what follows the last byte; True when all is done and right.
    activate(): what was written is the one in use, for this run.
    confirm(), revert(): it has passed its test and stays; or what was in use before is so again.
    drop(): the job is over, let go of what only it needed.

    Each may raise AlinkError; other exceptions count as failures of the target (MODULE).
    """

    label = written = holds = None
    packs = False

    def take(self, version, index, name, count):
        if count > 1:
            raise AlinkError(_E_JOB_FORM, "several files")

    def work(self):
        return False

    def finish(self):
        return True

    # One function for all that need not do anything: each more would take 90 bytes.
    def begin(self, *args):
        pass

    look = write = recall = activate = confirm = revert = drop = begin
