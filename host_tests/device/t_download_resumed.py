# A download that goes on after a reset: what is in flash is hashed, and checked. MIT licence.

import hashlib

from alink import errors
from alink.errors import AlinkError
from alink.job.offer import File
from alink.target import Target as Base
from download_fakes import BODY, URL, Flash, Kept, Source, fails, run


class NoLabel(Base):
    def __init__(self):
        self.data = b""

    def begin(self, size, method, digest, chunk):
        self.data = b""

    def write(self, chunk, n):
        self.data += bytes(chunk[:n])


def test_a_target_that_cannot_be_resumed_leaves_anothers_checkpoint_alone():
    # A download for the slot may be half done while a module is updated.
    kept = Kept()
    source = Source("whole", ("cut", 5000), "whole")
    assert run(source, NoLabel(), kept=kept) == BODY
    assert source.opened[0] == 0
    assert kept.said == []


class Blocks(Source):
    """Finds out that the last `damaged` bytes it handed on were bad, once, at byte `at`."""

    def __init__(self, at, damaged, times=1):
        super().__init__()
        self.trap = at
        self.damaged = damaged
        self.times = times
        self.unvouched = 0

    def open(self, file, offset, size):
        self.unvouched = 0
        return super().open(file, offset, size)

    def readinto(self, chunk, n):
        if self.at == self.trap and self.times:
            self.times -= 1
            self.unvouched = self.damaged
            raise AlinkError(errors.BLOCK)
        super().readinto(chunk, n)
        if self.at <= self.trap and self.at > self.trap - self.damaged and self.times:
            chunk[7] ^= 1
        return n


def test_damaged_chunks_are_taken_back_and_what_lies_before_them_is_kept():
    for damaged, opened in ((4096, [0, 4096]), (8192, [0, 0]), (0, [0, 8192])):
        source = Blocks(8192, damaged)
        target = Flash()
        run(source, target)
        assert source.opened == opened, source.opened
        assert b"".join(target.kept[at] for at in sorted(target.kept)) == BODY


def test_a_block_that_is_damaged_each_time_is_given_up():
    source = Blocks(8192, 4096, 1000)
    error = fails(errors.DOWNLOAD, source, target=Flash(), tries=3)
    assert "block" in error.detail
    assert source.opened == [0, 4096, 4096]


def test_a_checkpoint_follows_the_data_and_a_full_memory_does_not_stop_it():
    size = 130000
    body = bytearray(BODY[: size % 10000] + BODY * (size // 10000))
    whole = File(size, "md5", hashlib.md5(body).digest(), URL)
    kept = Kept()
    assert run(Source(body=body), the_file=whole, kept=kept) == body
    said = [value for value in kept.said if value[0] == "at"]
    assert said == [("at", 61440), ("at", 122880)], said
    assert kept.values["file"].startswith(b"default/1.1.0/key 130000 ")
    assert run(Source(body=body), the_file=whole, kept=Kept(True)) == body


def resumed(flash, body, at):
    whole = File(len(body), "md5", hashlib.md5(body).digest(), URL)
    kept = Kept()
    run(Source(body=body), flash, whole, kept)  # writes the name of the file
    kept.values["at"] = at
    source = Source(body=body)
    run(source, flash, whole, kept)
    return source.opened


def test_after_a_reset_what_is_in_flash_is_hashed_and_the_rest_fetched():
    assert resumed(Flash(), BODY, 8192) == [8192]
    # Never the last block: there is always something to ask for.
    assert resumed(Flash(), BODY, 1 << 30) == [8192]
    assert resumed(Flash(), BODY, -5) == [0]


class Spoilt(Flash):
    """Reads something else than what was written."""

    def recall(self, block):
        super().recall(block)
        block[9] ^= 1


class Unreadable(Flash):
    def recall(self, block):
        raise AlinkError(errors.FLASH)


class Picky(Flash):
    """Does not like what it sees first, when it is read back."""

    def recall(self, block):
        super().recall(block)
        self.recalled = True

    def look(self, block, size):
        assert size == len(BODY) and bytes(block[:4096]) == BODY[:4096]
        if getattr(self, "recalled", False):
            self.recalled = False
            raise AlinkError(errors.IMAGE_MAGIC)


def test_what_is_in_flash_after_a_reset_is_counted_on_to_be_wrong():
    for kind, opened in ((Spoilt, [8192, 0]), (Unreadable, [0]), (Picky, [0])):
        flash = kind()
        assert resumed(flash, BODY, 8192) == opened, kind
        assert b"".join([flash.kept[at] for at in sorted(flash.kept)]) == BODY
