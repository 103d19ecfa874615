# Archives into a set of files: what is taken, what is refused, and what a failure leaves.
# MIT licence.

import gc
import sys

from alink import FilesTarget, errors, parts
from alink.errors import AlinkError
from files_fakes import (
    CHUNK,
    NOISE,
    OLD,
    content,
    feed,
    files,
    folder,
    install,
    pour,
    refuses,
    with_old,
)
from tar_maker import archive, gzip, member

while parts.ask("files.tree", "erase_step", folder()):  # what a test before has left on a board
    pass


def test_a_first_set_of_files_appears_whole_with_its_version():
    target = FilesTarget(folder())
    assert target.path is None and target.version is None
    body = archive(
        member("./", kind=b"5"),
        member("./web/", kind=b"5"),
        member("./web/big.bin", NOISE),
        member("./empty"),
        member("deep/er/and/deeper", b"x" * 512),
    )
    feed(target, body)
    assert target.path is None, "it is current before it is activated"
    target.activate()
    assert target.version == "2"
    assert FilesTarget(folder()).version is None, "it stays before it is confirmed"
    target.confirm()
    again = FilesTarget(folder())
    assert (again.path, again.version) == (target.path, "2")
    expected = {"web/big.bin": NOISE, "empty": b"", "deep/er/and/deeper": b"x" * 512}
    assert content(again) == expected


def test_gzip_is_known_by_its_content():
    target = FilesTarget(folder(), wbits=9)
    install(target, gzip(archive(member("a", NOISE), member("b", NOISE), member("c"))))
    assert content(target) == {"a": NOISE, "b": NOISE, "c": b""}


def test_two_sets_take_turns_and_the_old_one_stays_until_the_next_update():
    target = with_old()
    old = target.path
    install(target, archive(member("n", b"2")))
    assert files(old)["a.txt"] == b"old"
    install(target, archive(member("n", b"3")), "3")
    assert target.path == old
    assert content(target) == {"n": b"3"}


def test_what_does_not_pass_its_test_is_taken_back():
    target = with_old()
    feed(target, archive(member("n", b"2")))
    target.activate()
    assert content(target) == {"n": b"2"}
    target.revert()
    assert target.version == "1"
    assert content(target) == OLD


def test_a_broken_unpack_leaves_nothing_in_the_next_set():
    for cut in (0, 512, 1500, CHUNK, 2 * CHUNK):
        target = with_old()
        feed(target, archive(member("d/left", NOISE), member("e/over", NOISE)), cut=cut)
        target = FilesTarget(folder())  # as after a power cut
        assert content(target) == OLD
        install(target, archive(member("n", b"3")), "3")
        assert content(target) == {"n": b"3"}


def test_a_download_that_begins_anew_is_not_unpacked_twice():
    chunk = bytearray(CHUNK)
    target = with_old()
    for index in (0, 1):
        body = archive(member("%d/a" % index, NOISE), member("%d/b" % index, b"b"))
        target.take("2", index, "one%d.tar" % index, 2)
        for length in (2 * CHUNK, 3 * CHUNK, len(body)):  # the server ignored the range twice
            target.begin(len(body), "md5", b"", chunk)
            pour(target, body[:length], chunk)
        while not target.finish():
            pass
    target.activate()
    assert content(target) == {"0/a": NOISE, "0/b": b"b", "1/a": NOISE, "1/b": b"b"}


def test_several_files_make_one_set():
    target = with_old()
    feed(target, gzip(archive(member("web/a", b"a"))), name="web.tar.gz")
    feed(target, archive(member("web/b", NOISE)), index=1, name="MORE.TAR")
    feed(target, b"\x1f\x8bno archive by its name" + NOISE, index=2, name="raw/data.bin")
    assert content(target) == OLD
    target.activate()
    raw = b"\x1f\x8bno archive by its name" + NOISE
    assert content(target) == {"web/a": b"a", "web/b": NOISE, "raw/data.bin": raw}


def test_a_folder_that_is_not_there_yet_is_made_with_those_above_it():
    target = FilesTarget(folder() + "/of/sets/")
    install(target, archive(member("n", b"1")))
    assert content(FilesTarget(folder() + "/of/sets")) == {"n": b"1"}


def test_a_damaged_pointer_is_no_version():
    target = with_old()
    for text in (b"", b"a", b"c 1", b"../a 1", b"\xff\xfe", b"b 1", b"x" * 300):
        with open(folder() + "/current", "wb") as f:
            f.write(text)
        assert FilesTarget(folder()).version is None, text
    assert target.path == folder() + "/a"


_FOR_A_JOB = ("alink.files.unpack", "alink.files.tree", "alink.files.untar")


def test_what_a_job_needs_is_loaded_for_it_and_let_go():
    target = FilesTarget(folder())
    assert not [name for name in _FOR_A_JOB if name in sys.modules]
    for body in (archive(member("a", NOISE)), b"\x1f\x8b" + NOISE):
        try:
            feed(target, body)
            target.activate()
            target.confirm()
        except AlinkError as e:
            assert e.code == errors.ARCHIVE, e
        assert [name for name in _FOR_A_JOB if name in sys.modules]
        target.drop()
        assert not [name for name in _FOR_A_JOB if name in sys.modules]
        target.drop()  # nothing is left to let go of
    assert content(target) == {"a": NOISE}


def test_two_hundred_updates_leave_no_more_on_the_heap_than_they_found():
    target = FilesTarget(folder(), wbits=9)
    good = gzip(archive(member("d/a", NOISE[:3000]), member("d/b", b"b")))
    bad = good[:-9]
    settled = 0
    most = 0
    for i in range(200):
        try:
            feed(target, bad if i % 5 == 4 else good, str(i))
            target.activate()
            target.confirm()
        except AlinkError as e:
            assert e.code == errors.ARCHIVE, e
        target.drop()
        gc.collect()
        if i < 20:
            settled = max(settled, gc.mem_alloc())
        else:
            most = max(most, gc.mem_alloc())
    # A stale word on the stack keeps an object or two alive: not more and more of them.
    assert most <= settled + 512, (settled, most)
    assert target.version == "198"


def test_one_step_of_a_bomb_unpacks_one_kilobyte():
    body = gzip(archive(member("zeros", bytes(200000))))
    assert len(body) < CHUNK
    chunk = bytearray(CHUNK)
    target = FilesTarget(folder())
    target.take("2", 0, "", 1)
    target.begin(len(body), "md5", b"", chunk)
    pour(target, body, chunk)
    steps = 0
    while not target.finish():
        steps += 1
    assert steps > 200000 // 1024, steps
    refuses(gzip(archive(member("zeros", bytes(200000)))), errors.TOO_MANY, max_size=100000)


class Ram:
    """A block device in RAM, for a file system that fills up."""

    def __init__(self, blocks):
        self.data = bytearray(512 * blocks)

    def readblocks(self, n, buf, offset=0):
        at = n * 512 + offset
        for i in range(len(buf)):
            buf[i] = self.data[at + i]

    def writeblocks(self, n, buf, offset=None):
        at = n * 512 + (offset or 0)
        self.data[at : at + len(buf)] = buf

    def ioctl(self, op, arg):
        return len(self.data) // 512 if op == 4 else 512 if op == 5 else 0


def test_a_file_system_that_fills_up_is_its_own_error_and_keeps_the_old_files():
    import vfs

    ram = Ram(64)
    vfs.VfsLfs2.mkfs(ram)
    vfs.mount(vfs.VfsLfs2(ram), "/ram")
    try:
        target = FilesTarget("/ram/set")
        install(target, archive(member("a", b"old")), "1")
        small = [member("f%d" % i, NOISE[:500]) for i in range(60)]
        for body, name in (
            (archive(member("big", bytes(30000))), ""),  # told by its header
            (archive(*small), ""),  # noticed by a write
            (bytes(30000), "raw.bin"),
        ):
            try:
                feed(target, body, name=name)
            except AlinkError as e:
                assert e.code == errors.NO_SPACE, e
                assert e.step == -4
            else:
                raise AssertionError("30000 bytes in 32768")
            target.drop()
            assert content(FilesTarget("/ram/set")) == {"a": b"old"}
        # What was in the way is removed before the next one is unpacked.
        install(target, archive(member("b", NOISE[:8000])), "3")
        assert content(FilesTarget("/ram/set")) == {"b": NOISE[:8000]}
    finally:
        vfs.umount("/ram")
