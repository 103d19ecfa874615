# A download that meets every kind of trouble, with a scripted source and target. MIT licence.

import hashlib
import io
import sys
import time

import micropython
from alink import errors, parts
from alink.errors import AlinkError
from alink.job import download
from alink.job.fetch import Download
from download_fakes import BODY, Source, Target, fails, file, run


def test_a_good_download_arrives_whole_by_md5_and_by_sha256():
    assert run(Source()) == BODY
    assert run(Source(), the_file=file(method="sha256")) == BODY


def test_a_file_with_another_digest_is_refused():
    fails(errors.DIGEST, Source(), the_file=file(digest=bytes(16)))


def test_a_target_that_refuses_is_asked_before_a_byte_is_fetched():
    source = Source()
    fails(errors.TOO_LARGE, source, target=Target(refuse=errors.TOO_LARGE))
    assert source.opened == []


class Slow(Target):
    """Has something to do three times before each chunk."""

    def __init__(self, error=None):
        super().__init__()
        self.left = 3
        self.error = error

    def work(self):
        if self.left:
            self.left -= 1
            return True
        if self.error and len(self.data) == 4096:
            raise AlinkError(self.error)
        return False

    def write(self, chunk, n):
        assert not self.left, "fed while it was busy"
        self.left = 3
        super().write(chunk, n)


def test_a_target_that_is_busy_is_not_fed():
    assert run(Source(("cut", 5000)), Slow()) == BODY


def test_an_error_in_a_targets_own_work_ends_the_download():
    source = Source()
    fails(errors.ARCHIVE, source, target=Slow(errors.ARCHIVE))
    assert source.at == 4096


def test_what_a_target_raises_of_its_own_is_not_taken_for_a_broken_link():
    # What moves says with an EOFError of its own that nothing comes any more: see moving.read().
    class Ended(Target):
        def __init__(self, *args):
            super().__init__()
            self.args = args

        def write(self, chunk, n):
            raise EOFError(*self.args)

    for args in ((), ("truncated",), (0,), (None, 0)):
        source = Source()
        try:
            run(source, Ended(*args))
        except EOFError as e:
            assert e.args == args
        else:
            raise AssertionError(args)
        assert source.opened == [0], args


def test_settings_that_cannot_be_are_refused():
    arguments = parts.use("after_reset.arguments")
    arguments.check(None)
    arguments.check({"tries": 3, "stall_timeout_ms": 5, "gap_ms": 0}, 8192)
    for config, size, kind in (
        ({"trys": 3}, 4096, TypeError),
        (None, 0, ValueError),
        (None, 6000, ValueError),
        (None, 135168, ValueError),
        (None, "4096", ValueError),
    ):
        try:
            arguments.check(config, size)
        except kind:
            continue
        raise AssertionError((config, size))


class Looking(Target):
    def __init__(self, error=None):
        super().__init__()
        self.error = error
        self.looked = 0

    def look(self, block, size):
        assert self.data == b"", "looked at too late"
        assert bytes(block) == BODY[:4096] and size == len(BODY)
        self.looked += 1
        if self.error:
            raise AlinkError(self.error)


def test_a_target_looks_at_the_first_block_before_anything_is_written():
    target = Looking()
    assert run(Source(("cut", 5000)), target) == BODY
    assert target.looked == 1
    target = Looking(errors.IMAGE_CHIP)
    fails(errors.IMAGE_CHIP, Source(), target=target)
    assert target.data == b"" and target.looked == 1


def test_nothing_is_loaded_while_it_moves():
    one = Download(None, {"retry_min_ms": 1, "retry_max_ms": 1})
    parts.drop("job.trouble", "job.checkpoint", "job.waiting")
    parts.ask("job.checkpoint", "start", one, file(), "key", Source(("cut", 5000)), Target())
    while one.offset < 8192:
        one.step()
        if one.offset:
            found = [name for name in sys.modules if name.startswith("alink.job.")]
            if not one.waits and one.state == 7:
                found.sort()
                assert found == ["alink.job." + name for name in ("download", "moving", "offer")]
    one.close()


class Part:
    """Stands in for an esp32.Partition; nothing is kept."""

    def __init__(self):
        self.blocks = 0

    def writeblocks(self, block, buf):
        assert block == self.blocks
        self.blocks += 1


def test_a_block_on_its_way_from_the_socket_to_flash_costs_no_heap():
    size = 4096 * 40
    stream = io.BytesIO(bytes(size))
    one = Download(None)
    slot = parts.use("job.slot").Slot()
    slot.size = size
    slot.part = Part()
    slot.at = slot.written = slot.row = 0
    one.source = download.Source()
    one.source.stream = stream
    one.target = slot
    parts.ask("job.buffers", "ring", one)
    slot.spare = None
    view = memoryview(one.block)
    one.view = tuple([view[at:] for at in range(0, 4096, 1024)])
    one.size = one.next = size
    one.digest = hashlib.sha256()
    one.state = 7
    one.mover = parts.use("job.moving")
    one.stall = 1000
    one.last = time.ticks_ms()
    one.stop = time.ticks_add(one.last, 100000)
    micropython.heap_lock()
    try:
        while one.offset < size - 4096:
            one.step()
    finally:
        micropython.heap_unlock()
    assert slot.part.blocks == 39


class Dripping(Source):
    """Gives its first piece, and then nothing any more."""

    def readinto(self, chunk, n):
        return super().readinto(chunk, n) if self.at < 4096 else None


def test_a_download_without_room_for_what_arrives_is_no_network_trouble():
    # Else it would crawl for hours, where another way has the memory.
    idf = parts.use("idf")  # stays loaded while it is asked
    real = idf.spare
    idf.spare = lambda: (3700, 1300)
    source = Dripping()
    one = Download(None, {"tries": 8})
    parts.ask("job.checkpoint", "start", one, file(), "key", source, Target())
    try:
        while one.offset < 4096:
            one.step()
        assert one.stall == 5000, "it waits as long as a server may be silent"
        one.stall = 10
        began = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), began) < 20000:
            one.step()
        raise AssertionError("goes on for ever")
    except AlinkError as e:
        assert e.code == errors.NO_MEMORY, e
        assert "3700 free" in e.detail
    finally:
        idf.spare = real
        parts.drop("idf")
