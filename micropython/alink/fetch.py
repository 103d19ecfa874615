# One download: source -> digest -> target, chunk by chunk, with resume and back-off. MIT licence.
#
# A broken connection is resumed at the last whole chunk, a reset at the last checkpoint: a digest
# cannot be saved, so what is in flash is hashed again. RAM: one chunk. move() allocates nothing;
# what has to allocate (opening a connection, a failure) happens a few times a download.

import hashlib
import os
import time

from micropython import const

from . import errors, log
from .errors import AlinkError

CHUNK = const(4096)

# Bytes between two checkpoints. With the chunk that was under way, a reset costs 64 KiB at most.
_CHECKPOINT = const(61440)

BLOCK_MAX = const(131072)  # of a download over MQTT ("OTA updates", 89307)

_RECALL = const(5)
_OPEN = const(0)
_MOVE = const(1)
_PAUSE = const(2)
_LINK = const(3)
_DONE = const(4)

# What another try may mend. Everything else is final: the next try would meet it again.
_TRANSIENT = (
    errors.LINK,
    errors.TIMEOUT,
    errors.HTTP_STATUS,
    errors.HTTP_HEAD,
    errors.CLOCK,
    errors.BLOCK,
    errors.BLOCK_REFUSED,
)


def check_block_size(size):
    """Raise ValueError unless a source can ask for blocks of `size` bytes over MQTT."""
    if not isinstance(size, int) or size % CHUNK or not CHUNK <= size <= BLOCK_MAX:
        raise ValueError(
            "block_size must be a multiple of %d (whole flash blocks), at most %d"
            % (CHUNK, BLOCK_MAX)
        )


class Fetch:
    """Brings one file of a job into a target.

    checkpoint: journal.Checkpoint, or None for no resume after a reset.
    tries: failures in a row without a byte of progress before it gives up; retry_min_ms and
    retry_max_ms: the pause between them, doubled each time; deadline_ms: for all of it.
    fresh_links: how often an expired link may be replaced.
    """

    def __init__(
        self,
        checkpoint=None,
        *,
        tries=8,
        retry_min_ms=2000,
        retry_max_ms=60000,
        deadline_ms=10800000,
        fresh_links=2,
    ):
        self.chunk = bytearray(CHUNK)
        self.offset = 0  # bytes that are in the target and in the digest
        self.wants_link = False  # the link expired: call fresh() with another one
        self._source = None
        self._target = None
        self._journal = checkpoint
        self._checkpoint = None  # the same, where the target can be resumed
        self._work = None
        self._tries = tries
        self._retry_min_ms = retry_min_ms
        self._retry_max_ms = retry_max_ms
        self._deadline_ms = deadline_ms
        self._fresh_links = fresh_links
        self._file = None
        self._state = _DONE
        self._hash = None
        self._tail = None
        self._size = 0

    def start(self, file, key, source, target):
        """Begin the download of `file` (job.File) from its first byte; nothing is fetched yet.

        key: str, the job's. source: open(link, offset, size), readinto(chunk, n), close(); the
        link is the file's url or stream; when it raises, its `unvouched`, if it has one, tells how
        many of the bytes handed on last are damaged. target: begin(...), write(chunk, n),
        recall(chunk), label, work(); the last three are optional (see modules.Module). Raises
        AlinkError when the target refuses it (size, trial, no slot).
        """
        self._source = source
        self._target = target
        self._file = file
        self._link = file.stream or file.url
        self._size = file.size
        self._links_left = self._fresh_links
        self._failures = 0
        self._seen = 0
        self._began = time.ticks_ms()
        self._keep = self._recall_to = 0
        self._begin()
        self._state = _OPEN
        self._work = getattr(target, "work", None)
        self._checkpoint = self._journal if hasattr(target, "label") else None
        if self._checkpoint is None:
            return
        digest = "".join("%02x" % byte for byte in file.digest)
        identity = "%s %d %s %s" % (key, file.size, digest, target.label)
        kept = self._checkpoint.load(identity)
        # The last chunk is fetched in any case: there is always something to ask the server for.
        self._keep = min(kept, file.size - 1) // CHUNK * CHUNK
        self._recall_to = self._keep
        if self._keep:
            log.info("%d bytes were fetched before: hashing them" % self._keep)
            self._state = _RECALL
        else:
            self._checkpoint.begin(identity)

    def _restart(self):
        # From the first byte again, trusting nothing that is in flash.
        self._keep = self._recall_to = 0
        if self._checkpoint is not None:
            self._checkpoint.set(0)
        self._begin()

    def _rewind(self, count):
        # The last `count` bytes are damaged, and no digest can be turned back: what lies before
        # them is hashed again, out of the slot.
        if not hasattr(self._target, "recall"):
            self._restart()  # it cannot be read back: all of it again
            return
        self._recall_to = self.offset - count
        if self._checkpoint is not None:
            self._checkpoint.set(self._recall_to)
        self._begin()

    def _begin(self):
        file = self._file
        self._target.begin(file.size, file.method, file.digest, self.chunk)
        self._hash = getattr(hashlib, file.method)()
        # The view of the last, short chunk is made here, so that move() makes none.
        self._tail = memoryview(self.chunk)[: file.size % CHUNK or CHUNK]
        self.offset = 0
        self._next = _CHECKPOINT

    def step(self):
        """Do one bounded thing; True once everything is in the target and the digest is right.

        One chunk (a flash block erased and written), one flash block read, one connection opened
        (the source's own time-outs), or nothing while it pauses. Raises AlinkError when the
        download has failed for good; the source is closed then. A target that has work() does one
        part of that instead while it has any.
        """
        if self._work is not None and self._state != _DONE and self._busy():
            return False
        if self._state == _MOVE:
            try:
                moved = self.move()
            except AlinkError as e:
                self._trouble(e)
                return False
            if not moved:
                # A server that dribbles is never in trouble, and never done.
                self._check_deadline(None)
                return False
            if self.offset >= self._next:
                self._save()
            return self.offset == self._size and self._complete()
        if self._state == _RECALL:
            self._recall()
            return False
        if self._state == _PAUSE:
            if time.ticks_diff(time.ticks_ms(), self._until) < 0:
                return False
            self._state = _RECALL if self.offset < self._recall_to else _OPEN
        if self._state == _OPEN:
            self._open()
        elif self._state == _LINK:
            self._check_deadline(AlinkError(errors.EXPIRED))
        return False

    def _busy(self):
        try:
            return self._work()
        except AlinkError as e:
            self._trouble(e)
            return True

    def move(self):
        """Carry one chunk from the source through the digest into the target; allocates nothing.

        Returns the bytes carried (int), 0 while they have not all arrived.
        """
        n = self._size - self.offset
        if n > CHUNK:
            n = CHUNK
        if not self._source.readinto(self.chunk, n):
            return 0
        self._hash.update(self.chunk if n == CHUNK else self._tail)
        self._target.write(self.chunk, n)
        self.offset += n
        return n

    def _save(self):
        # After the data it vouches for: the target has written it.
        self._next = self.offset + _CHECKPOINT
        if self._checkpoint is not None:
            self._checkpoint.set(self.offset)

    def _recall(self):
        if self.offset < self._recall_to:
            try:
                self._target.recall(self.chunk)
            except AlinkError as e:
                self._distrust(e)
                return
            self._hash.update(self.chunk)
            self.offset += CHUNK
            return
        self._next = self.offset + _CHECKPOINT
        self._state = _OPEN

    def _distrust(self, reason):
        log.info("what was fetched before is no good, from the start again:", reason)
        self._restart()
        self._state = _OPEN

    def fresh(self, file):
        """Go on with the link of another offer of the same file; only the latest one counts."""
        self._link = file.stream or file.url
        if self._state == _LINK:
            self.wants_link = False
            self._state = _OPEN

    def forget(self):
        """The file is installed or no good: the next download starts with its first byte."""
        if self._checkpoint is not None:
            self._checkpoint.clear()

    def close(self):
        """Give up: closes the connection. The checkpoint stays, for another try."""
        if self._source is not None:
            self._source.close()
        self.wants_link = False
        self._state = _DONE

    def _open(self):
        where = self._link if isinstance(self._link, str) else "stream %d/%d" % self._link
        log.info("download from byte %d: %s" % (self.offset, log.host_and_path(where)))
        try:
            start = self._source.open(self._link, self.offset, self._size)
        except AlinkError as e:
            self._trouble(e)
            return
        if start != self.offset:
            # The server sends the whole file again (200 to a range): so the digest and the target
            # start again, too.
            log.info("the server ignored the range: from the start again")
            self._restart()
        self._state = _MOVE

    def _complete(self):
        self.close()
        found = self._hash.digest()
        if found != self._file.digest:
            if self._keep:
                # Perhaps only the part from before the reset is at fault: time, not correctness.
                self._distrust(_short(found))
                return False
            raise AlinkError(errors.DIGEST, "%s is %s" % (self._file.method, _short(found)))
        return True

    def _trouble(self, error):
        # One failure: raise it when it is final, else decide when and how to go on.
        self._source.close()
        log.info("download stopped at byte %d: %s" % (self.offset, error))
        if error.code == errors.EXPIRED:
            if self._links_left == 0:
                self.close()
                raise error
            self._links_left -= 1
            self.wants_link = True
            self._state = _LINK
            return
        if error.code not in _TRANSIENT:
            self.close()
            raise error
        damaged = getattr(self._source, "unvouched", 0)
        if self.offset - damaged != self._seen:
            self._seen = self.offset - damaged
            self._failures = 0
        self._failures += 1
        if self._failures >= self._tries:
            self.close()
            if error.code == errors.CLOCK:
                raise error  # nothing is wrong with the network: its own advice is the right one
            raise AlinkError(errors.DOWNLOAD, _reason(error))
        self._check_deadline(error)
        pause = min(self._retry_min_ms << (self._failures - 1), self._retry_max_ms)
        pause += (
            pause * os.urandom(1)[0] // 1024
        )  # up to a quarter: a fleet does not return at once
        self._until = time.ticks_add(time.ticks_ms(), pause)
        self._state = _PAUSE
        if damaged:
            self._rewind(damaged)

    def _check_deadline(self, error):
        if time.ticks_diff(time.ticks_ms(), self._began) > self._deadline_ms:
            self.close()
            last = "the server dribbles" if error is None else _reason(error)
            raise AlinkError(errors.DOWNLOAD, "took too long, " + last)


def _reason(error):
    return error.name + (" " + error.detail if error.detail else "")


def _short(digest):
    return "".join("%02x" % byte for byte in digest[:4]) + ".."
