# One download: source -> digest -> target, block by block. MIT licence.
#
# Here is what lives as long as a download, and it is little: RAM is short when a connection is
# opened. How it is made and begins is in checkpoint.py, its first block in first.py,
# what moves in moving.py, loaded once there is a connection; what it waits for and how it ends in
# waiting.py, what becomes of trouble in retry.py, each loaded for a moment.

from micropython import const

from .. import parts
from ..errors import AlinkError

# Bytes between two checkpoints. With the block that was under way, a reset costs 64 KiB at most.
_CHECKPOINT = const(61440)

# What is let go before something moves.
_PASSING = (
    "job.checkpoint",
    "job.waiting",
    "job.slot_begin",
    "job.slot_rest",
    "job.first",
    "job.image",
)

# States, for checkpoint.py, first.py, waiting.py and retry.py too.
_DONE = const(0)
_OPEN = const(1)
_PEEK = const(5)  # the first KiB is on its way, which tells a package
_READY = const(7)  # the first block is there and was looked at
_CHECK = const(9)  # of a package, the first block is made


class Download:
    """Brings one file of a job into a target; made once a job, started for each file.

    nvs: esp32.NVS of the journal, for checkpoints; None: no resume after a reset. config: dict,
    see retry.check(), or None. block: bytearray of 4096, or None. All that is large is made at
    once, 4 KB, but for a ring of 1 KB (opened.py). Its attributes are told in checkpoint.py.
    """

    work = doubt = None  # (of few downloads more than that)

    block: bytearray
    early: str
    state: int
    offset: int
    size: int
    next: int

    def __init__(self, nvs=None, config=None, block=None):
        self.nvs = nvs
        self.mover = self.packed = self.source = self.target = self.link = None
        self.waits = ""
        parts.ask("job.checkpoint", "fill", self, config, block)

    def start(self, *args):
        """Begin the download of a file from its first byte; nothing is fetched yet.

        file: offer.File. key: str, the job's. source: Source, or None: it has to come before the
        first step, see states.begun(). target: Target. Raises AlinkError when the target
        refuses it (size, trial, no slot).
        """
        parts.ask("job.checkpoint", "start", self, *args)

    def step(self):
        """Do one bounded thing; True once everything is in the target and the digest is right.

        One block (a flash block erased and written), one flash block read, one connection opened
        (the source's own time-outs), or nothing while it waits. A target that has work() does one
        part of that instead while it has any. Raises AlinkError when the download has failed for
        good, and for want of memory (NO_MEMORY); the source is closed then.
        """
        state = self.state
        try:
            if self.work is not None and self.work():
                return False
            if _READY <= state < _CHECK:
                if not self.mover.move(self) or self.offset < self.next:
                    return False
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
                    # Looked at before it is written.
                    self.mover = None
                    parts.drop(early, "job.moving", "job.unpack")
                    self.target.look(self.block, size)
                    parts.drop(*_PASSING)
                    packed = self.packed
                    self.mover = parts.use("job.moving" if packed is None else packed.code)
                    self.state = _READY
                elif self.early is not early:
                    parts.drop(early)  # (One after the other: each is large.)
            elif state > _OPEN:
                parts.use("job.waiting").turn(self)
            elif state:
                parts.ask("job.opening", "connect", self)
                if self.state > _OPEN:
                    packed = self.packed
                    if packed is None:
                        self.mover = parts.use("job.moving")
                    elif packed.inflate is not None:  # before that it is too early: see origin.py
                        self.mover = parts.use(packed.code)
                    if _READY <= self.state < _CHECK:
                        parts.drop(*_PASSING)
        except AlinkError as e:
            self.rest()
            parts.ask("job.retry", "trouble", self, e)
        return False

    def rest(self):
        """Let go of all that moves: a connection is opened, or closed."""
        self.mover = None
        parts.drop("job.moving", "job.unpack", *_PASSING)

    def close(self):
        """Give up: closes the connection. The checkpoint stays, for another try."""
        self.waits = ""
        self.state = _DONE
        self.mover = self.packed = None
        if self.work is not None:
            self.work = None
        source = self.source
        if source is not None:
            source.block = source._into = None  # an application's source lives on, without
            source.close()
