# The image read back out of flash, before it is made the one that boots. MIT licence.

import hashlib

import micropython
from alink import errors
from alink.errors import AlinkError
from alink.job import slot, slot_check, volume
from flash_fakes import BLOCK, Partition, fails, fill

IMAGE = bytes((i * 31 + (i >> 8) * 7) & 255 for i in range(9000))


def written(image=IMAGE, behind=b"", method="md5"):
    """-> Slot that has got all of `image`; `behind` stands in the blocks after its last."""
    whole = (len(image) + BLOCK - 1) // BLOCK * BLOCK
    fill(1, image + b"\xff" * (whole - len(image)) + behind)
    Partition.erased.clear()
    Partition.booted = None
    slot.keep = slot_check.keep = volume.keep = True
    one = slot.Slot()
    digest = getattr(hashlib, method)(image).digest()
    one.begin(len(image), method, digest, bytearray(BLOCK))
    one.at = one.size
    return one


def finish(one):
    """How many turns the check takes (int)."""
    turns = 1
    while not one.finish():
        turns += 1
        assert turns < 100
    return turns


def test_an_image_that_lies_in_flash_as_it_was_sent_passes():
    for method in ("md5", "sha256"):
        for size in (1, 4095, 4096, 4097, 8192, 9000):
            turns = finish(written(IMAGE[:size], method=method))
            assert turns == (size + BLOCK - 1) // BLOCK, "one block in each turn"


def test_a_bit_that_flash_did_not_keep_is_found_wherever_it_is():
    for at in (0, 4095, 4096, 8999):
        one = written()
        Partition.slots[1][at] ^= 1
        fails(errors.READ_BACK, finish, one)
    one = written()
    Partition.slots[1][9000] ^= 1
    finish(one)  # behind the image: not its own


def test_a_check_that_is_begun_anew_reads_all_of_it_again():
    one = written()
    assert not one.finish()
    one.begin(9000, "md5", one.digest, one.block)
    one.at = 9000
    assert finish(one) == 3


def test_half_an_image_is_never_checked_as_a_whole_one():
    one = written()
    one.at = 8192
    assert fails(errors.READ_BACK, finish, one) == "8192 of 9000 bytes"


def test_an_older_images_volume_does_not_become_this_ones_application():
    one = written(behind=b"\xff" * 4000 + b"littlefs")
    finish(one)
    assert Partition.erased == [3]
    one = written()  # erased already: flash is spared
    finish(one)
    assert Partition.erased == []


def test_an_image_that_fills_its_slot_has_nothing_behind_it():
    image = bytes(Partition.SIZE)
    assert finish(written(image)) == Partition.SIZE // BLOCK
    assert finish(written(image[: -BLOCK - 1], behind=b"\0" * BLOCK)) == 7
    assert Partition.erased == [7]
    assert finish(written(image[:-BLOCK], behind=b"\0" * BLOCK)) == 7
    assert Partition.erased == [7]


def test_reading_back_costs_no_heap_for_a_block():
    one = written(bytes(Partition.SIZE))
    assert not one.finish()
    micropython.heap_lock()
    try:
        for _ in range(6):
            assert not one.finish()
    finally:
        micropython.heap_unlock()
    assert one.finish()


def test_worn_flash_is_named_with_the_block_that_it_is():
    for name, turns, number in (("readblocks", 0, 3), ("readblocks", 1, 1), ("ioctl", 0, 3)):
        one = written(behind=b"x")
        for _ in range(turns):
            one.finish()
        Partition.broken = name
        try:
            said = fails(errors.FLASH, finish, one)
        finally:
            Partition.broken = ""
        assert said.startswith("block %d: " % number), said


def activating(error=None, refusal=None):
    """-> what activate() raises, or None."""

    class Volume:
        def check(self, part):
            assert Partition.booted is None, "asked too late"
            if refusal is not None:
                raise refusal

    one = written()
    plain = slot_check.parts
    asked = []

    class Parts:
        def ask(name, function, part):
            asked.append((name, function))
            Volume().check(part)

    slot_check.parts = Parts
    Partition.broken = "" if error is None else "set_boot"
    Partition.errno = error
    try:
        slot_check.activate(one)
    except AlinkError as e:
        return e
    finally:
        slot_check.parts = plain
        Partition.broken = ""
        Partition.errno = 5
        assert asked == [("job.volume", "check")]
    return None


def test_the_slot_that_was_written_is_the_one_that_boots():
    assert activating() is None
    assert Partition.booted == 1


def test_an_image_that_the_bootloader_refuses_is_told_apart_from_worn_flash():
    assert activating(-5379).code == errors.BOOT_REFUSED
    e = activating(5)
    assert e.code == errors.FLASH and e.detail.startswith("otadata: ")
    assert Partition.booted is None


def test_an_image_without_an_application_does_not_get_to_boot():
    e = activating(None, AlinkError(errors.NO_APPLICATION))
    assert e.code == errors.NO_APPLICATION
    assert Partition.booted is None
