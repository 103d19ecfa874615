# One download: source -> digest -> target, block by block. MIT licence.
#
# Here is what lives as long as a download, and it is little: RAM is short when a connection is
# opened. How it is made and begins is in checkpoint.py, its first block in first.py,
# what moves in moving.py, loaded once there is a connection; what it waits for and how it ends in
# waiting.py, what becomes of trouble in trouble.py, each loaded for a moment.

from micropython import const

from .. import parts
from ..errors import AlinkError

# Bytes between two checkpoints. With the block that was under way, a reset costs 64 KiB at most.
_CHECKPOINT = const(61440)

# States, for checkpoint.py, first.py, waiting.py, trouble.py and retry.py too.
_DONE = const(0)
_OPEN = const(1)
_PEEK = const(5)  # the first KiB is on its way, which tells a package
_READY = const(7)  # the first block is there and was looked at
_CHECK = const(9)  # of a package, the first block is made


class Download:
    """Brings one file of a job into a target; made once a job, started for each file.

    Download(nvs=None, config=None, block=None)

    nvs: esp32.NVS of the journal, for checkpoints; None: no resume after a reset. config: dict,
    see after_reset/arguments.py, or None. block: bytearray of 4096, or None. All that is large is
    made at once, 4 KB, but for a ring of 1 KB (opened.py). Its attributes are told in
    checkpoint.py, and start() is there, too.
    """

    work = doubt = None  # (of few downloads more than that)

    block: bytearray
    early: str
    waits: str
    state: int
    offset: int
    size: int
    next: int
    nvs: "NVS"  # type: ignore[name-defined]  # noqa: F821
    mover: "Module"  # type: ignore[name-defined]  # noqa: F821
    packed: "Packed"  # type: ignore[name-defined]  # noqa: F821
    source: "Source"  # type: ignore[name-defined]  # noqa: F821
    target: "Target"  # type: ignore[name-defined]  # noqa: F821

    def __init__(self, *args):
        parts.ask("job.checkpoint", "fill", self, *args)

    def step(self):
        """Do one bounded thing; True once everything is in the target and the digest is right.
        None between two blocks: what is in its buffers then is not wanted any more.

        One block (a flash block erased and written), one flash block read, one connection opened
        (the source's own time-outs), or nothing while it waits. A target that has work() does one
        part of that instead while it has any. Raises AlinkError when the download has failed for
        good, and for want of memory (NO_MEMORY); the source is closed then.
        """
        state = self.state
        try:
            if self.block is None and not parts.ask("job.buffers", "again", self):
                return False
            if self.work is not None and self.work():
                return False
            if _READY <= state < _CHECK:
                if self.mover is None:
                    self.rest()
                    packed = self.packed
                    self.mover = parts.use("job.moving" if packed is None else packed.code)
                if not self.mover.move(self):
                    return False
                if self.offset < self.next:
                    return None
                if self.offset == self.size:
                    # (One after the other: each is large.)
                    self.rest()
                    self.source.close()
                    return parts.ask("job.waiting", "complete", self)
                # After the data it vouches for: the target has written it.
                self.next = min(self.offset + _CHECKPOINT, self.size)
                if self.nvs is not None:
                    try:
                        self.nvs.set_i32("at", self.offset)
                        self.nvs.commit()
                    except OSError as e:
                        parts.ask("job.checkpoint", "unsaved", e)
            elif state >= _PEEK:
                early = self.early
                size = parts.use(early).turn(self)
                if size:
                    # Looked at before it is written, and without what moves.
                    self.rest()
                    self.target.look(self.block, size)
                    self.state = _READY
                elif self.early is not early:
                    parts.drop(early)  # (One after the other: each is large.)
                return False
            elif state > _OPEN:
                parts.use("job.waiting").turn(self)
            elif state:
                parts.ask("job.opening", "connect", self)
        except (AlinkError, EOFError) as e:
            self.rest()
            parts.ask("job.trouble", "turn", self, e)
        return None

    def rest(self):
        """Let go of all that moves, and of what is not needed while something does: before that,
        and before a connection is opened, or closed.
        """
        self.mover = None
        parts.drop(
            self.early,
            "job.moving",
            "job.progress",
            "job.checkpoint",
            "job.waiting",
            "job.slot_begin",
            "job.slot_rest",
            "job.image",
        )

    def close(self):
        """Give up: closes the connection. The checkpoint stays, for another try."""
        self.waits = ""
        self.state = _DONE
        self.mover = self.packed = None
        if self.work is not None:
            self.work = None
        source = self.source
        if source is not None:
            source.block = None  # an application's source lives on, without
            if source.config is not None:
                source._into = None
            source.close()
