# A download that meets every kind of trouble, with a scripted source and target. MIT licence.

import hashlib
import io
import sys
import time

import micropython
from alink import errors, parts
from alink.errors import AlinkError
from alink.job import download
from alink.job.download import Download
from alink.job.offer import File
from alink.target import Target as Base

BODY = bytes((i * 31 + (i >> 8)) & 0xFF for i in range(10000))
URL = "https://dl.example.net/fw.bin?auth_key=s3cret"


class Source(download.Source):
    """Serves BODY; `script` says, opening by opening, what goes wrong.

    An entry: None (all well), an error code (open fails), ("cut", n) (breaks after n bytes),
    "whole" (ignores the range).
    """

    def __init__(self, *script, body=BODY):
        super().__init__()
        self.script = list(script)
        self.body = body
        self.opened = []
        self.urls = []
        self.closed = True

    def open(self, file, offset, size):
        assert self.closed, "opened twice"
        assert len(self.block) == 4096
        self.opened.append(offset)
        self.urls.append(file.url)
        self.stream = self
        plan = self.script.pop(0) if self.script else None
        self.cut = None
        if isinstance(plan, int):
            raise AlinkError(plan)
        if isinstance(plan, AlinkError):
            raise plan
        if plan == "whole":
            offset = 0
        elif plan is not None:
            self.cut = plan[1]
        self.at = offset
        self.closed = False
        return offset

    def readinto(self, chunk, n):
        if self.cut is not None and self.at + n > self.cut:
            raise AlinkError(errors.LINK, "cut")
        for i in range(n):
            chunk[i] = self.body[self.at + i]
        self.at += n
        return n

    def close(self):
        self.closed = True


class Target(Base):
    label = "ota_1"

    def __init__(self, refuse=None):
        self.data = None
        self.begun = 0
        self.refuse = refuse

    def begin(self, size, method, digest, chunk):
        if self.refuse:
            raise AlinkError(self.refuse)
        self.begun += 1
        self.data = b""

    def write(self, chunk, n):
        self.data += bytes(chunk[:n])


def file(digest=None, method="md5", url=URL):
    digest = digest or getattr(hashlib, method)(BODY).digest()
    return File(len(BODY), method, digest, url)


def run(source, target=None, the_file=None, kept=None, **options):
    target = target or Target()
    pauses = {"retry_min_ms": 1, "retry_max_ms": 4}
    pauses.update(options)
    one = Download(kept, pauses)
    one.start(the_file or file(), "default/1.1.0/key", source, target)
    began = time.ticks_ms()
    while not one.step():
        if one.waits == "link":
            one.link = File(len(BODY), "md5", b"", URL + "2")
        assert time.ticks_diff(time.ticks_ms(), began) < 20000, "hangs"
    assert source.closed
    assert source.block is None
    assert not one.waits
    return target.data


def fails(code, source, **options):
    try:
        run(source, **options)
    except AlinkError as e:
        assert source.closed, "connection left open"
        assert "s3cret" not in e.text()
        assert e.code == code, e
        return e
    raise AssertionError("did not fail")


def test_a_good_download_arrives_whole_by_md5_and_by_sha256():
    assert run(Source()) == BODY
    assert run(Source(), the_file=file(method="sha256")) == BODY


def test_a_broken_connection_costs_only_the_chunk_it_broke_in():
    source = Source(("cut", 5000), ("cut", 9000))
    assert run(source) == BODY
    assert source.opened == [0, 4096, 8192]


def test_a_server_that_ignores_the_range_does_not_garble_the_image():
    source = Source(("cut", 5000), "whole")
    target = Target()
    assert run(source, target) == BODY
    assert target.begun == 2


def test_an_expired_link_is_replaced_and_the_download_goes_on():
    source = Source(("cut", 5000), errors.EXPIRED)
    assert run(source) == BODY
    assert source.opened == [0, 4096, 4096]
    assert source.urls[2] == URL + "2"


def test_links_that_keep_expiring_end_after_two_fresh_ones():
    source = Source(*[errors.EXPIRED] * 5)
    e = fails(errors.EXPIRED, source)
    assert len(source.opened) == 3
    assert e.step == -2


def test_a_server_that_stays_away_ends_the_file_after_its_tries():
    source = Source(*[errors.LINK] * 20)
    e = fails(errors.DOWNLOAD, source, tries=4)
    assert len(source.opened) == 4
    assert "link" in e.text()


def test_tries_count_only_without_progress():
    cuts = [("cut", 4096), errors.LINK, ("cut", 8192), errors.LINK]
    assert run(Source(*cuts), tries=3) == BODY


def test_the_pause_grows_and_is_capped():
    source = Source(*[errors.TIMEOUT] * 6)
    began = time.ticks_ms()
    run(source, retry_min_ms=10, retry_max_ms=40)
    took = time.ticks_diff(time.ticks_ms(), began)
    assert took >= 10 + 20 + 40 * 4, took


def test_the_overall_deadline_holds_however_often_it_progresses():
    e = fails(errors.DOWNLOAD, Source(*[errors.LINK] * 99), tries=99, deadline_ms=50)
    assert "too long" in e.text()


def test_what_another_try_cannot_mend_is_not_tried_again():
    for code in (errors.TLS, errors.HTTP_REDIRECT, errors.HTTP_CHUNKED):
        source = Source(code)
        fails(code, source)
        assert len(source.opened) == 1


def test_a_proxys_answer_passes_and_costs_no_update():
    for code in (errors.HTTP_LENGTH, errors.HTTP_HEAD, errors.HTTP_STATUS):
        assert run(Source(code, ("cut", 4096), code)) == BODY
    # Without TLS it need not even be the server that has said it.
    for code in (errors.HTTP_REDIRECT, errors.HTTP_CHUNKED):
        one = Source(code)
        assert run(one, the_file=file(url="http" + URL[5:])) == BODY
        assert len(one.opened) == 2


def test_who_reads_of_a_failed_download_is_sent_to_what_is_at_fault():
    fails(errors.HTTP_LENGTH, Source(*[errors.HTTP_LENGTH] * 9), tries=3)
    for detail, code in (
        ("HTTP 404 (x)", errors.HTTP_STATUS),
        ("HTTP 400 (x)", errors.HTTP_STATUS),
        ("HTTP 408 (x)", errors.DOWNLOAD),
        ("HTTP 429 (x)", errors.DOWNLOAD),
        ("HTTP 503 (x)", errors.DOWNLOAD),
    ):
        given = [AlinkError(errors.HTTP_STATUS, detail) for _ in range(9)]
        assert detail[:8] in fails(code, Source(*given), tries=3).detail


def test_an_unset_clock_keeps_its_own_advice():
    e = fails(errors.CLOCK, Source(*[errors.CLOCK] * 9), tries=3)
    assert "set the time" in e.text()


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


class Kept:
    """Stands in for the journal's esp32.NVS; `full`: nothing can be written."""

    def __init__(self, full=False):
        self.said = []
        self.values = {}
        self.full = full

    def get_blob(self, key, buf):
        self.said.append(key)
        value = self._get(key)
        if len(value) > len(buf):
            raise OSError(-4364)
        buf[: len(value)] = value
        return len(value)

    def get_i32(self, key):
        self.said.append(key)
        return self._get(key)

    def _get(self, key):
        if key not in self.values:
            raise OSError(-4354)
        return self.values[key]

    def set_i32(self, key, value):
        self.said.append((key, value))
        if self.full:
            raise OSError(-4357)
        self.values[key] = value

    def set_blob(self, key, value):
        self.set_i32(key, value.encode())

    def erase_key(self, key):
        self._get(key)
        del self.values[key]

    def commit(self):
        pass


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


class Flash(Target):
    """A target that can be read back."""

    def begin(self, size, method, digest, chunk):
        super().begin(size, method, digest, chunk)
        self.at = 0
        self.kept = getattr(self, "kept", {})

    def write(self, chunk, n):
        self.kept[self.at] = bytes(chunk[:n])
        self.at += n

    def recall(self, chunk):
        chunk[:] = self.kept[self.at]
        self.at += len(chunk)


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


def test_settings_that_cannot_be_are_refused():
    retry = parts.use("job.retry")
    retry.check(None)
    retry.check({"tries": 3, "stall_timeout_ms": 5, "gap_ms": 0}, 8192)
    for config, size, kind in (
        ({"trys": 3}, 4096, TypeError),
        (None, 0, ValueError),
        (None, 6000, ValueError),
        (None, 135168, ValueError),
        (None, "4096", ValueError),
    ):
        try:
            retry.check(config, size)
        except kind:
            continue
        raise AssertionError((config, size))


def test_pauses_double_up_to_their_most_and_end_after_the_tries():
    retry = parts.use("job.retry")
    config = {"tries": 5, "retry_min_ms": 100, "retry_max_ms": 500}
    assert [retry.pause_ms(config, n, 0) for n in range(1, 6)] == [100, 200, 400, 500, -1]
    assert retry.pause_ms({}, 1, 0) == 2000
    assert retry.pause_ms({}, 7, 255) == 60000 + 60000 * 255 // 1024


def test_want_of_memory_is_left_to_the_run_and_nothing_is_open():
    source = Source(errors.NO_MEMORY)
    fails(errors.NO_MEMORY, source)
    assert len(source.opened) == 1


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
    parts.drop("job.retry", "job.checkpoint", "job.waiting")
    one.start(file(), "key", Source(("cut", 5000)), Target())
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
    one.source = download.Source()
    one.source.stream = stream
    one.target = slot
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
    faults = parts.use("faults")  # stays loaded while it is asked
    real = faults._heap
    faults._heap = lambda: (3700, 1300)
    source = Dripping()
    one = Download(None, {"tries": 8})
    one.start(file(), "key", source, Target())
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
        faults._heap = real
        parts.drop("faults")
