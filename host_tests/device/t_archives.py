# Archives that are odd, hostile or broken: what is taken, what is refused. MIT licence.


from alink import FilesTarget, errors
from alink.errors import AlinkError
from files_fakes import NOISE, OLD, content, feed, folder, install, refuses, with_old
from tar_maker import archive, gzip, header, member


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
    for at in (3, 100, len(good) // 2, len(good) - 6):
        bad = bytearray(good)
        bad[at] ^= 0x55
        refuses(bytes(bad), errors.ARCHIVE)
    for at in range(len(good) - 4, len(good)):
        bad = bytearray(good)
        bad[at] ^= 0x55
        refuses(bytes(bad), errors.ARCHIVE, "the gzip tells")
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
