# One download: source -> digest -> target, block by block. MIT licence.
#
# Here is what lives as long as a download. What moves is in moving.py, loaded once there is a
# connection; how a download begins in checkpoint.py, what it waits for and how it ends in
# waiting.py, what becomes of trouble in retry.py, each loaded for a moment.

from micropython import RingIO, const

from .. import parts
from ..errors import AlinkError

_BLOCK = const(4096)
_PART = const(1024)

# Bytes between two checkpoints. With the block that was under way, a reset costs 64 KiB at most.
_CHECKPOINT = const(61440)

# What is let go before something moves; and before a connection is opened, with what moves. (Whose
# names are told where they are used: each in here would be an object.)
_PASSING = (
    "job.checkpoint",
    "job.waiting",
    "job.slot_rest",
    "job.image",
    "job.package",
    "job.origin",
)

# States, for checkpoint.py, waiting.py and retry.py too.
_DONE = const(0)
_OPEN = const(1)
_PEEK = const(5)  # the first KiB is on its way, which tells a package
_FIRST = const(6)  # the first block is on its way
_READY = const(7)  # the first block is there and was looked at
_CHECK = const(9)  # of a package, the first block is made


class Source:
    """Where a file comes from: over HTTPS with Range, unless derived from.

    Settings, as keywords: ca: own CA certificates or None (see wire.context). allow_http: bool,
    take http:// links too. on_feed: called while open() waits for TLS and for the answer, or None.
    connect_timeout_ms, head_timeout_ms: int, see open(), 10 s each; stall_timeout_ms: so long no
    byte at all may come, 20 s.

    Another source brings its own open(), which sets what is read from: `stream`, with
    readinto(buf, n): up to `n` bytes into buf -> how many; None when there are none yet, 0 at the
    end, -1 when what it gave of the last 4096 is void and comes once more. After None it is called
    with the same again; nothing else has touched buf meanwhile. It never blocks, never allocates,
    and raises AlinkError, OSError, or ValueError as TLS does. unvouched: int, when it has raised:
    how many of the bytes handed on last are damaged. block: the download's, free for use in
    open(); None when the download is over: close() then has to let go of everything.
    """

    unvouched = 0

    def __init__(self, **config):
        self.config = config
        self.block = self.stream = None

    def open(self, file, offset, size):
        """Get ready for `file` (offer.File) from byte `offset` on; all of it has `size` bytes.

        Returns where the bytes really start (int): offset, or 0 when the server sends the whole
        file to a request for a part. One bounded step: connect_timeout_ms for connection, TLS
        handshake and request, head_timeout_ms for the head; on top comes the look-up of the host,
        which has no time-out on an ESP32, and one step of the handshake (a second on a slow chip).
        Uses requests with `socket` and `tls` exchanged meanwhile, so no other thread may.

        Raises AlinkError: INSECURE, JOB_PROTOCOL or JOB_FIELD for a link not to be used at all;
        CLOCK, TLS, LINK, TIMEOUT, NO_MEMORY; EXPIRED (403, 410), HTTP_STATUS, HTTP_HEAD,
        HTTP_LENGTH, HTTP_REDIRECT, HTTP_CHUNKED. No error tells more of the link than host and
        path: the rest is a signature. Nothing is left open after an error.
        """
        self.close()
        # (One after the other: each is large.)
        count, link, where = parts.ask("job.http_link", "request", self, file.url, offset)
        parts.ask("job.http_open", "connect", self, count, link, where)
        return parts.ask("job.http_head", "read", self, file.url, offset, size)

    def close(self):
        """Let go of the connection; again is harmless."""
        stream = self.stream
        self.stream = None
        if stream is not None:
            stream.close()


class Download:
    """Brings one file of a job into a target; made once a job, started for each file.

    nvs: esp32.NVS of the journal, for checkpoints; None: no resume after a reset. config: dict,
    see retry.check(), or None. block: bytearray of 4096, or None. All that is large is made here:
    5.2 KB.

    block: bytearray of 4096, what moves at once. offset: int, bytes that are in the target and in
    the digest. waits: str, why nothing moves: "link" when the link has expired, "pause" before
    another try, "" else. link: the File whose link is used, None when it has expired; a newer one
    of the same file may be put there at any time.
    """

    def __init__(self, nvs=None, config=None, block=None):
        self.block = bytearray(_BLOCK) if block is None else block
        view = memoryview(self.block)
        self.view = (view, view[_PART:], view[2 * _PART :], view[3 * _PART :])
        # The ring's own memory is free whenever the ring is empty: between two blocks.
        memory = bytearray(_PART + 1)
        self.ring = RingIO(memory)
        self.spare = memoryview(memory)[:_PART]
        self.nvs = nvs
        self.config = config
        self.waits = ""
        # file: File. digest: of what is in the target. tail: view
        # of the last, short block. work: the target's, or None.
        self.file = self.link = self.source = self.target = None
        self.digest = self.tail = self.work = None
        # moving.py, or what moves of a package, while it is loaded. packed: see package.py.
        self.mover = self.packed = None
        self.doubt = None  # what is wrong with bytes that are not vouched for yet: see retry.py
        # at: bytes of the piece that are in place, whole KiB. next: offset of the next checkpoint,
        # or the end. kept: bytes of an earlier run that are trusted so far. recall: bytes to be
        # hashed out of the target. failed: tries in a row, at the offset `seen`. links: fresh ones
        # that may still be asked for.
        self.state = self.offset = self.size = self.at = self.next = self.kept = self.recall = 0
        self.failed = self.seen = self.links = 0
        # Ticks: of the last byte, of the end of a pause, of the deadline. stall: ms.
        self.last = self.pause = self.stop = self.stall = 0

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
                    self.mover = None
                    parts.drop("job.moving", "job.unpack", "job.patch")
                    return parts.ask("job.waiting", "complete", self)
                # After the data it vouches for: the target has written it.
                self.next = min(self.offset + _CHECKPOINT, self.size)
                if self.nvs is not None:
                    try:
                        self.nvs.set_i32("at", self.offset)
                        self.nvs.commit()
                    except OSError as e:
                        parts.ask("job.checkpoint", "unsaved", e)
            elif state == _CHECK:
                packed = self.packed
                if packed.inflate is None:
                    parts.use("job.origin").check(self)
                    if packed.inflate is not None:
                        parts.drop("job.origin")
                elif self.mover.fill(self):
                    self.mover = None
                    parts.drop("job.unpack", "job.patch", *_PASSING)
                    self.target.look(self.block, packed.size)
                    parts.drop(*_PASSING)
                    self.mover = parts.use(packed.code)
                    self.state = _READY
            elif state == _PEEK:
                if self.mover.read(self, self.view, min(self.size, _PART)):
                    self.at = _PART
                    self.state = _FIRST
                    if self.file.diff or (self.block[0] == 0x89 and self.target.packs):
                        parts.use("job.package").take(self)
                        parts.drop(*_PASSING)
                        if self.mover is None:
                            parts.drop("job.moving")
            elif state == _FIRST:
                # Looked at before it is written.
                if self.size <= _PART or self.mover.read(self, self.view, min(self.size, _BLOCK)):
                    self.at = 0
                    self.target.look(self.block, self.size)
                    parts.drop(*_PASSING)
                    self.state = _READY
            elif state:
                start = -1
                if state == _OPEN:
                    self.mover = None
                    parts.drop("job.moving", "job.unpack", "job.patch", *_PASSING)
                    if self.packed is not None:
                        parts.ask("job.aside", "set_aside", self)
                    start = self.source.open(self.link, self.offset, self.size)
                parts.use("job.waiting").turn(self, start)
                if self.state >= _PEEK:
                    parts.drop(*_PASSING)
                    packed = self.packed
                    if packed is None:
                        self.mover = parts.use("job.moving")
                    elif packed.inflate is not None:  # before that it is too early: see origin.py
                        self.mover = parts.use(packed.code)
        except AlinkError as e:
            parts.ask("job.retry", "trouble", self, e)
        return False

    def close(self):
        """Give up: closes the connection. The checkpoint stays, for another try."""
        self.waits = ""
        self.state = _DONE
        self.work = self.mover = self.packed = None
        source = self.source
        if source is not None:
            source.block = None  # an application's source lives on, without it
            source.close()
