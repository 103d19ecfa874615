# Is the source of a difference what runs? All of it is read before anything is written. MIT
# licence.

from package_fakes import Partition, errors, fill, loading, moving, refused, through
from package_maker import COPY, compressed, difference, op

SOURCE = bytes((i * 17 + (i >> 8) * 3) & 255 for i in range(20000))
IMAGE = SOURCE[:5000]


def begun(source, body=None):
    """-> Download of a difference to SOURCE, on a board that runs `source`."""
    fill(0, source)
    fill(1, b"")
    return loading(body or difference(IMAGE, SOURCE, op(COPY, 5000)))


def test_a_difference_to_any_other_image_changes_nothing_in_flash():
    for i in (0, 4095, 4096, 19999):
        other = bytearray(SOURCE)
        other[i] ^= 1
        e = refused(begun(bytes(other)))
        assert e.code == errors.OTHER_SOURCE, i
        assert not Partition.written and not Partition.erased
        assert bytes(Partition.slots[1]) == b"\xff" * Partition.SIZE


def test_what_stands_behind_the_source_in_its_slot_does_not_count():
    for rest in (0, 255):
        fill(0, SOURCE, rest=rest)
        fill(1, b"")
        assert through(loading(difference(IMAGE, SOURCE, op(COPY, 5000)))) == IMAGE


def test_a_source_of_any_size_is_hashed_to_its_last_byte():
    for size in (1, 4095, 4096, 4097, 16384, 20000, Partition.SIZE):
        source = (SOURCE * 2)[:size]
        fill(0, source)
        fill(1, b"")
        assert through(loading(difference(source, source, op(COPY, size)))) == source, size


def test_the_main_loop_has_its_turn_while_a_whole_image_is_hashed():
    one = begun(SOURCE)
    while one.packed is None:
        one.step()
    came = one.packed.ring.any()
    for checked in (16384, 0):  # and from there the image is made
        assert one.early == "job.origin"
        assert not one.step()
        assert one.packed.place == checked
        assert one.packed.ring.any() == came, "inflated too early: the window needs the memory"
    assert one.early != "job.origin"


def test_the_time_that_hashing_takes_is_not_held_against_the_server():
    one = begun(SOURCE)
    while one.packed is None:
        one.step()
    one.last -= 5000
    before = one.last
    one.step()
    assert one.last - before >= 5000


def test_flash_that_cannot_be_read_is_not_called_another_image():
    one = begun(SOURCE)
    while one.packed is None:
        one.step()
    Partition.broken = "readblocks"
    e = refused(one)
    Partition.broken = ""
    assert e.code == errors.FLASH and "reading what runs" in e.detail, e


def test_a_compressed_image_asks_for_no_source():
    fill(0, b"anything")
    fill(1, b"")
    one = moving(compressed(IMAGE))
    assert one.early == "job.unpack"
    assert through(one) == IMAGE
