# A slot before anything moves: what may not be written, and what a reset has left. MIT licence.

import sys

from alink import errors
from alink.job import slot, slot_rest
from flash_fakes import BLOCK, Partition, fails, fill

slot.keep = slot_rest.keep = True


def begun(size=9000, **changed):
    """-> Slot after begin()."""
    one = slot.Slot()
    one.begin(size, "md5", b"digest", bytearray(BLOCK))
    return one


def test_the_only_fallback_is_not_written_while_the_image_that_runs_is_on_trial():
    sys.modules["alink_boot"] = {"trial": "a trial", "wdt": None}
    try:
        fails(errors.ON_TRIAL, begun)
    finally:
        del sys.modules["alink_boot"]
    sys.modules["alink_boot"] = {"trial": None, "wdt": None}
    try:
        begun()
    finally:
        del sys.modules["alink_boot"]


def test_the_slot_that_runs_is_never_the_one_that_is_written():
    assert begun().part.index == 1
    plain = Partition.get_next_update
    Partition.get_next_update = lambda self: Partition(0, 0)
    try:
        fails(errors.NO_SLOT, begun)
    finally:
        Partition.get_next_update = plain


def test_a_board_with_one_slot_only_is_told_so():
    Partition.broken = "get_next_update"
    try:
        fails(errors.NO_SLOT, begun)
    finally:
        Partition.broken = ""


def test_an_image_may_fill_the_slot_and_not_be_larger():
    begun(Partition.SIZE)
    assert fails(errors.TOO_LARGE, begun, Partition.SIZE + 1) == "32769 bytes, slot 32768"


def test_a_set_of_several_files_has_no_place_in_one_slot():
    one = slot.Slot()
    one.take("1.1.0", 0, "", 1)
    fails(errors.JOB_FORM, one.take, "1.1.0", 0, "part0", 2)


def test_beginning_erases_nothing_and_forgets_an_earlier_image():
    fill(1, b"old")
    one = begun()
    one.at = one.written = 4096
    one.holds = (1, "md5", b"")
    one.rest = "something"
    one.begin(5000, "sha256", b"other", one.block)
    assert (one.at, one.written, one.size) == (0, 0, 5000)
    assert (one.holds, one.rest, one.method, one.digest) == (None, None, "sha256", b"other")
    assert one.label == "ota_0"
    assert bytes(Partition.slots[1][:4]) == b"old\xff"


def test_an_image_that_is_there_already_is_only_read_back():
    one = slot.Slot()
    one.begin_check(9000, "md5", b"digest", bytearray(BLOCK))
    assert one.at == one.size == 9000


def test_what_was_written_before_a_reset_is_read_block_by_block():
    fill(1, bytes((i >> 12) + 1 for i in range(9000)))
    one = begun()
    block = bytearray(BLOCK)
    for number in (1, 2):
        one.recall(block)
        assert block == bytes([number]) * BLOCK
    assert one.at == 8192
    Partition.broken = "readblocks"
    try:
        assert fails(errors.FLASH, one.recall, block).startswith("block 2: ")
    finally:
        Partition.broken = ""
    assert one.at == 8192, "what was not read counts as read"


def test_a_job_that_is_over_leaves_the_slot_as_it_is():
    fill(1, b"new")
    begun().drop()
    assert bytes(Partition.slots[1][:3]) == b"new"
