# The head of a package: what may go on is told before anything is made for it. MIT licence.

import binascii
import hashlib

from package_fakes import (
    AlinkError,
    Any,
    Partition,
    errors,
    fetch,
    fill,
    loading,
    parts,
    refused,
    through,
)
from package_maker import bomb, compressed, difference, head, le32, op, stream

IMAGE = bytes((i * 31 + (i >> 8)) & 255 for i in range(5000))
SOURCE = bytes((i * 17 + (i >> 8)) & 255 for i in range(3000))
NOT_TAKEN = "it was taken"


def take(body, diff=False, target=None):
    """-> Download whose first 512 bytes have come, judged by package.turn()."""
    one = loading(body, target=target)
    one.file.diff = diff
    n = min(len(body), 512)
    one.block[:n] = body[:n]
    judge(one)
    return one


def judge(one):
    """What takes a step where the first KiB of a package has come."""
    parts.ask("job.buffers", "ring", one)
    one.early = "job.package"
    while one.early in ("job.package", "job.packed"):
        parts.use(one.early).turn(one)


def code(body, **more):
    """The code of the error that ends it, int."""
    try:
        take(body, **more)
    except AlinkError as e:
        assert not Partition.written
        return e.code
    raise AssertionError(NOT_TAKEN)


def changed(body, at, value):
    return body[:at] + bytes([value]) + body[at + 1 :]


def test_a_package_is_known_by_its_head_and_the_slot_is_to_hold_its_image():
    one = take(compressed(IMAGE))
    assert one.target.size == 5000
    assert one.target.digest == hashlib.sha256(IMAGE).digest() != one.file.digest
    assert one.packed.todo == 5000 << 2 | 2, "all of it is inserted"
    assert one.offset == 512 and one.state == 9


def test_a_file_of_any_size_that_is_no_package_arrives_whole():
    # One of a module may be this small, and a package is known by its first 512 bytes.
    for size in (1, 300, 511, 512, 513, 1023, 1024, 1025, 4096, 5000):
        for start in (b"", b"\x89ALQ"):
            for gives in (7, 1024):
                fill(1, b"")
                body = (start + IMAGE)[:size]
                assert through(loading(body, gives=gives)) == body, (size, start, gives)


def test_a_plain_image_whatever_it_begins_with_is_left_to_the_image_check():
    for body in (IMAGE, b"\x89PNG" + bytes(2000), b"\x89AL", b"\x89"):
        one = take(body)
        assert one.packed is None and one.target.size == len(body)


def test_files_that_are_no_image_may_begin_as_a_package_does():
    class Files(Any):
        packs = False

    one = take(compressed(IMAGE), target=Files())
    assert one.packed is None


def test_a_board_without_packages_fetches_files_that_begin_like_one():
    class Files(Any):
        packs = False

    class Without:
        # As parts, in an image from which packages were left out.
        def __getattr__(self, name):
            return getattr(parts, name)

        def use(self, name):
            if name == "job.package":
                raise ImportError(name)
            return parts.use(name)

    picture = b"\x89PNG" + bytes(6000)
    fetch.parts = Without()
    try:
        assert through(loading(picture, target=Files())) == picture
        try:
            through(loading(compressed(IMAGE)))
        except ImportError:
            pass  # ending.py makes E30 of it
        else:
            raise AssertionError(NOT_TAKEN)
    finally:
        fetch.parts = parts


def test_a_difference_in_another_makers_form_is_told_as_such():
    assert code(IMAGE, diff=True) == errors.JOB_DIFF
    assert code(b"\x89ALQ" + bytes(100), diff=True) == errors.JOB_DIFF


def test_a_package_of_later_days_asks_for_a_newer_board_and_is_not_called_damaged():
    for version in (0, 2, 255):
        try:
            take(changed(compressed(IMAGE), 4, version))
        except AlinkError as e:
            assert (e.code, e.detail) == (errors.JOB_FORM, "package format %d" % version)
        else:
            raise AssertionError(NOT_TAKEN)


def test_a_head_that_says_what_cannot_be_makes_no_buffers():
    good = compressed(IMAGE)
    for at, value in (
        (5, 0),  # neither kind
        (5, 3),
        (6, 7),  # a window that no zlib takes
        (6, 11),  # not the stream's own
        (7, 1),
        (44, 1),  # a source of a compressed image
        (79, 1),
        (80, 0x38),
        (81, 0x35),  # wants a dictionary
    ):
        assert code(changed(good, at, value)) == errors.PACKAGE, (at, value)
    assert code(good[:8] + le32(0) + good[12:]) == errors.PACKAGE
    for bits in (13, 15):  # that inflate takes, and a board has no room for
        assert code(head(IMAGE, bits=bits) + stream(IMAGE, bits)) == errors.PACKAGE, bits
    good = difference(IMAGE, SOURCE, op(2, 5000, IMAGE))
    assert code(good[:44] + le32(0) + good[48:]) == errors.PACKAGE


def test_a_head_cut_short_is_a_damaged_package_and_no_crash():
    whole = compressed(IMAGE)
    for size in (4, 5, 12, 44, 79, 80, 81):
        try:
            take(whole[:size])
        except AlinkError as e:
            assert e.code == errors.PACKAGE, (size, e)
        else:
            raise AssertionError(NOT_TAKEN)
    assert take(whole[:82]).target.size == 5000


def test_a_head_cut_short_borrows_no_byte_of_the_block_before():
    # What the last piece of an earlier try has left in there is a whole head.
    one = loading(compressed(IMAGE)[:60])
    one.block[:512] = compressed(IMAGE)[:512]
    try:
        judge(one)
    except AlinkError as e:
        assert e.code == errors.PACKAGE
    else:
        raise AssertionError(NOT_TAKEN)


def test_an_image_that_no_slot_holds_is_refused_however_small_it_travels():
    good = head(IMAGE) + bomb(100)
    for size in (Partition.SIZE + 1, 0x7FFFFFFF, 0xFFFFFFFF):
        assert code(good[:8] + le32(size) + good[12:]) == errors.TOO_LARGE, size
    assert take(good[:8] + le32(Partition.SIZE) + good[12:]).target.size == Partition.SIZE


def test_a_source_larger_than_a_slot_is_not_what_runs():
    fill(0, SOURCE)
    good = difference(IMAGE, SOURCE, op(2, 5000, IMAGE))
    for size in (Partition.SIZE + 1, 0xFFFFFFFF):
        assert code(good[:44] + le32(size) + good[48:]) == errors.OTHER_SOURCE, size
    assert take(good[:44] + le32(Partition.SIZE) + good[48:]).packed.source == Partition.SIZE


def test_who_offers_the_wrong_difference_is_told_what_it_was_made_from():
    start = binascii.hexlify(hashlib.sha256(SOURCE).digest()[:4]).decode()
    for size in (3000, Partition.SIZE + 1):
        body = difference(IMAGE, SOURCE, op(2, 5000, IMAGE))
        fill(0, IMAGE)
        e = refused(loading(body[:44] + le32(size) + body[48:]))
        assert e.code == errors.OTHER_SOURCE
        assert e.detail == "made from %d bytes, sha256 %s.." % (size, start), e
        assert not Partition.written


def test_what_came_behind_the_head_goes_to_the_inflater_and_into_the_digest():
    body = compressed(IMAGE)
    one = take(body)
    assert one.packed.ring.any() == 512 - 80
    got = bytearray(512 - 80)
    one.packed.ring.readinto(got)
    assert got == body[80:512]
    tiny = head(b"x") + stream(b"x")
    one = take(tiny)
    assert one.packed.ring.any() == len(tiny) - 80 == len(one.tail)
    assert bytes(one.tail) == tiny[80:]


def test_each_kind_with_each_window_arrives_whole():
    fill(0, SOURCE)
    for bits in (8, 9, 10, 11, 12):
        for source, data in ((b"", IMAGE), (SOURCE, op(2, 5000, IMAGE))):
            fill(1, b"")
            body = head(IMAGE, source, bits) + stream(data, bits)
            assert through(loading(body)) == IMAGE, (bits, len(source))


def test_a_block_over_mqtt_has_a_place_of_its_own_while_the_download_fills_its_block():
    for stream_of in (None, (90417, 1)):
        one = loading(compressed(IMAGE))
        one.file.stream = stream_of
        one.block[:512] = compressed(IMAGE)[:512]
        judge(one)
        assert one.source.block is (one.block if stream_of is None else one.packed.spare)
