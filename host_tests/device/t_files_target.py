# Archives into a set of files: what is taken, what is refused, and what a failure leaves.
# MIT licence.

import gc
import os
import sys

from alink import FilesTarget, errors, parts
from alink.errors import AlinkError
from tar_maker import archive, gzip, header, member

CHUNK = 4096
OLD = {"a.txt": b"old", "web/index.html": b"<old>"}
NOISE = bytes((i * 7919 >> 3) & 0xFF for i in range(9000))


def folder():
    # On a board where the tests are, which is cleared in the end.
    try:
        os.stat("/alink_test")
    except OSError:
        return os.getcwd() + "/set"
    return "/alink_test/set"


while parts.ask("files.tree", "erase_step", folder()):  # what a test before has left on a board
    pass


def feed(target, body, version="2", index=0, name="", cut=None, count=1):
    """Everything a run and its download do for one file; cut: bytes after which it stops."""
    chunk = bytearray(CHUNK)
    target.take(version, index, name, count)
    target.begin(len(body), "md5", b"", chunk)
    pour(target, body if cut is None else body[:cut], chunk)
    if cut is None:
        while not target.finish():
            pass


def pour(target, body, chunk):
    for at in range(0, len(body), CHUNK):
        piece = body[at : at + CHUNK]
        while target.work():
            pass
        chunk[: len(piece)] = piece
        target.write(chunk, len(piece))
    while target.work():
        pass


def install(target, body, version="2", **options):
    feed(target, body, version, **options)
    target.activate()
    target.confirm()


def files(root):
    """{path: content} of everything below root; directories end in a slash."""
    found = {}
    todo = [""]
    while todo:
        at = todo.pop()
        for entry in os.ilistdir(root + at):
            path = at + "/" + entry[0]
            if entry[1] == 0x4000:
                todo.append(path)
                found[path[1:] + "/"] = b""
            else:
                with open(root + path, "rb") as f:
                    found[path[1:]] = f.read()
    return found


def content(target):
    return {k: v for k, v in files(target.path).items() if not k.endswith("/")}


def with_old(**options):
    target = FilesTarget(folder(), **options)
    install(target, archive(*[member(k, v) for k, v in sorted(OLD.items())]), "1")
    assert content(target) == OLD
    return target


def refuses(body, code, said="", name="", **options):
    """The archive is refused by this error; the old files stay, and the next archive works."""
    target = with_old(**options)
    before = [entry[0] for entry in os.ilistdir(os.getcwd())]
    try:
        feed(target, body, name=name)
    except AlinkError as e:
        assert e.code == code, e
        assert said in e.detail, e
        assert e.step in (-3, -4)
    else:
        raise AssertionError("it was taken: %s" % list(files(folder())))
    target.drop()
    assert [entry[0] for entry in os.ilistdir(os.getcwd())] == before, "it left the folder"
    for one in (target, FilesTarget(folder())):  # as it is, and after a reset
        assert one.version == "1"
        assert content(one) == OLD
    install(target, archive(member("new", b"new")), "3")
    assert content(target) == {"new": b"new"}, "leftovers of the refused archive"


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


def test_an_absolute_path_is_refused():
    refuses(archive(member("/evil", b"x")), errors.MEMBER, "path")
    refuses(archive(member("evil", b"x", prefix=b"/etc")), errors.MEMBER, "path")


def test_a_path_that_climbs_out_is_refused():
    for name in ("../evil", "a/../../evil", "a/..", "..", "a/../b", "./../evil"):
        refuses(archive(member(name, b"x")), errors.MEMBER)
    refuses(archive(member("evil", b"x", prefix=b"..")), errors.MEMBER)
    refuses(archive(member("../evil/", kind=b"5")), errors.MEMBER)


def test_odd_paths_are_refused():
    for name in ("a//b", "a/./b", "a\nb", "", ".", "a/", b"\xff\xfe"):
        refuses(archive(member(name, b"x")), errors.MEMBER)


def test_links_and_devices_are_refused():
    for kind in b"123467"[:5]:
        kind = bytes([kind])
        if kind != b"7":
            refuses(archive(member("evil", kind=kind, link=b"/flash")), errors.MEMBER)


def test_gnu_and_pax_long_names_are_refused_by_name():
    for kind, said in ((b"x", "pax"), (b"L", "GNU"), (b"K", "GNU"), (b"S", "sparse"), (b"V", "V")):
        refuses(archive(member("n", b"path=../evil", kind=kind)), errors.MEMBER, said)


def test_archives_of_old_tar_programs_are_taken():
    target = FilesTarget(folder())
    old = {"kind": b"\0", "magic": b""}
    install(target, archive(member("d/", **old), member("d/a", b"a", **old)))
    assert content(target) == {"d/a": b"a"}
    gnu = {"magic": b"ustar  \0", "prefix": b"no prefix"}
    install(target, archive(member("b", b"b", **gnu)), "3")
    assert content(target) == {"b": b"b"}


def test_the_global_header_of_git_archive_is_passed_over():
    target = FilesTarget(folder())
    comment = b"52 comment=0123456789012345678901234567890123456789\n"
    install(target, archive(member("pax_global_header", comment, kind=b"g"), member("a", b"a")))
    assert content(target) == {"a": b"a"}
    refuses(archive(member("g", bytes(5000), kind=b"g")), errors.MEMBER)


def test_a_name_that_comes_twice_is_refused():
    refuses(archive(member("a", b"1"), member("a", b"2")), errors.MEMBER, "twice")
    refuses(archive(member("a", b"1"), member("./a", b"2")), errors.MEMBER, "twice")
    refuses(archive(member("a/", kind=b"5"), member("a", b"2")), errors.MEMBER, "twice")


def test_a_file_where_a_directory_has_to_be_is_refused():
    refuses(archive(member("a", b"1"), member("a/b", b"2")), errors.MEMBER, "directory")
    refuses(archive(member("a", b"1"), member("a/", kind=b"5")), errors.MEMBER, "directory")


def test_names_beyond_the_limits_are_refused():
    refuses(archive(member("n" * 50, b"x", prefix=b"p" * 60)), errors.MEMBER, "100 bytes")
    refuses(archive(member("a/" * 9 + "b", b"x")), errors.MEMBER, "levels")


def test_more_than_the_limits_is_refused():
    many = archive(*[member("f%d" % i) for i in range(9)])
    refuses(many, errors.TOO_MANY, "members", max_members=8)
    # What brings nothing, and what a path makes on its way, is work all the same.
    empty = archive(*[member("./", kind=b"5") for _ in range(9)])
    refuses(empty, errors.TOO_MANY, "members", max_members=8)
    notes = archive(*[member("pax_global_header", b"x", kind=b"g") for _ in range(9)])
    refuses(notes, errors.TOO_MANY, "members", max_members=8)
    deep = archive(member("a/b/c/d/e/f/g/h", b"x"), member("b/b/c/d/e/f/g/h", b"x"))
    refuses(deep, errors.TOO_MANY, "members", max_members=12)
    big = archive(member("a", bytes(3000)), member("b", bytes(3000)))
    refuses(big, errors.TOO_MANY, "bytes", max_size=5000)
    refuses(bytes(6000), errors.TOO_MANY, "bytes", max_size=5000, name="raw.bin")


def test_a_truncated_archive_is_refused():
    whole = archive(member("a", NOISE), member("b", b"b"))
    for length in (0x100, 512, 5000, len(whole) - 1025, len(whole) - 1024, len(whole) - 512):
        refuses(whole[:length], errors.ARCHIVE, "truncated")
    packed = gzip(whole)
    for length in (12, 100, len(packed) - 8, len(packed) - 1):
        refuses(packed[:length], errors.ARCHIVE, "truncated")
    refuses(gzip(whole[:-600]), errors.ARCHIVE, "truncated")


def test_a_size_that_lies_is_refused():
    refuses(header("a", 100000) + bytes(5000), errors.ARCHIVE, "truncated")
    refuses(header("a", 0) + NOISE[:512] + bytes(1024), errors.ARCHIVE)
    refuses(archive(header("d/", 512, kind=b"5") + bytes(512)), errors.MEMBER, "directory of")


def test_a_damaged_header_is_refused():
    good = archive(member("a", b"1"))
    for at in (0, 100, 130, 150, 157, 300):
        bad = bytearray(good)
        bad[at] ^= 1
        refuses(bytes(bad), errors.ARCHIVE)
    refuses(NOISE, errors.ARCHIVE)
    head = bytearray(header("a"))
    head[124:136] = b"\x80" + bytes(10) + b"\x01"  # GNU's base 256
    head[148:156] = b"        "
    head[148:156] = b"%06o\0 " % sum(head)
    refuses(archive(bytes(head) + bytes(512)), errors.ARCHIVE, "number")


def test_a_damaged_gzip_is_refused():
    good = gzip(archive(member("a", NOISE)))
    for at in (3, 100, len(good) // 2, len(good) - 6):  # (nobody checks the length at the end)
        bad = bytearray(good)
        bad[at] ^= 0x55
        refuses(bytes(bad), errors.ARCHIVE)
    refuses(b"\x1f\x8b" + NOISE, errors.ARCHIVE)


def test_a_window_larger_than_the_boards_is_refused():
    body = archive(member("a", NOISE))
    refuses(gzip(body[:-258], far=True), errors.ARCHIVE, "2 ** 9", wbits=9)


def test_anything_behind_the_end_is_refused():
    good = archive(member("a", b"1"))
    refuses(good + b"more", errors.ARCHIVE, "behind")
    refuses(good + bytes(512) + member("b", b"2"), errors.ARCHIVE, "behind")
    refuses(member("a") + bytes(512) + archive(member("b")), errors.ARCHIVE, "empty block")
    refuses(gzip(good) + b"junk", errors.ARCHIVE, "behind the gzip")
    refuses(gzip(good) + gzip(good), errors.ARCHIVE, "behind the gzip")
    refuses(gzip(good + bytes(100000)), errors.ARCHIVE, "zeros")
    target = FilesTarget(folder())
    install(target, good + bytes(10240 - len(good)))  # tar's own records
    assert content(target) == {"a": b"1"}


def test_a_stored_file_follows_the_rules_of_paths():
    for name in ("../evil", "/evil", "a//b", "n" * 101):
        refuses(NOISE, errors.MEMBER, name=name)
    target = with_old()
    feed(target, b"1", name="x")
    try:
        feed(target, b"2", index=1, name="x")
    except AlinkError as e:
        assert e.code == errors.MEMBER
    else:
        raise AssertionError("written twice")
    assert content(target) == OLD


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
