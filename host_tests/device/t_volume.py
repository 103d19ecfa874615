# Does an image bring an application? A stock firmware would take a board away for minutes. MIT
# licence.

import struct

from alink import errors
from alink.errors import AlinkError
from alink.job import volume
from flash_fakes import BLOCK, Partition, fill


def image(*lengths, hashed=True, volume=b"littlefs"):
    """An image with segments of these lengths, and a file system in the next block."""
    data = bytearray(24)
    data[0] = 0xE9
    data[1] = len(lengths)
    data[23] = int(hashed)
    for length in lengths:
        data += struct.pack("<II", 0x3F400000, length) + b"\x11" * length
    data += bytes(15 - len(data) % 16) + b"\x5a"  # the checksum ends a line of 16
    if hashed:
        data += b"\x22" * 32
    data += b"\xff" * (-len(data) % BLOCK)
    return bytes(data + b"\0" * 8 + volume)


def check(mine, new):
    """Whether slot 1 with `new` may boot, where `mine` runs."""
    fill(0, mine)
    fill(1, new)
    try:
        volume.check(Partition(0, 1))
    except AlinkError as e:
        assert e.code == errors.NO_APPLICATION, e
        return False
    return True


def test_a_stock_firmware_does_not_take_the_place_of_an_application():
    assert not check(image(100), image(100, volume=b""))
    assert not check(image(100), image(100, volume=b"FAT12   "))
    assert not check(image(100), b"\xff" * 100)
    assert check(image(100), image(100))


def test_where_all_is_frozen_into_the_firmware_nothing_has_to_stand_behind_it():
    assert check(image(100, volume=b""), image(100, volume=b""))
    assert check(image(100, volume=b""), image(100))


def test_the_application_is_found_behind_an_image_of_any_length():
    for lengths in (
        (4,),
        (4000,),
        (4016,),  # ends with its block, where a hash needs another one
        (4024,),
        (4040,),
        (4056,),
        (4060,),  # the next segment's head in the next block
        (4064, 4),
        (4060, 5000),
        (100, 5000, 4),
        (1,) * 16,
    ):
        for hashed in (True, False):
            new = image(*lengths, hashed=hashed)
            assert check(image(100), new), (lengths, hashed)
            assert not check(image(100), new[: -len("littlefs")]), (lengths, hashed)


def test_an_image_that_leads_out_of_its_slot_has_no_application_and_stops_nothing():
    for length in (Partition.SIZE, 0x7FFFFFFC, 0xFFFFFFFF):
        new = bytearray(image(100, 100))
        new[28:32] = struct.pack("<I", length)
        assert not check(image(100), bytes(new))
    # One whose segments end with the slot: no block is left.
    new = bytearray(image(100))
    new[28:32] = struct.pack("<I", Partition.SIZE - 64)
    assert not check(image(100), bytes(new))
    # And 255 segments that go on for as long as they like.
    assert not check(image(100), b"\xe9\xff" + b"\0" * 22)


def test_an_application_in_the_last_block_of_a_slot_is_found():
    assert check(image(100), image(7 * BLOCK - 100))


def test_worn_flash_is_not_called_a_missing_application():
    fill(0, image(100))
    fill(1, image(100))
    Partition.broken = "readblocks"
    try:
        volume.check(Partition(0, 1))
    except AlinkError as e:
        assert e.code == errors.FLASH and "reading images" in e.detail
    else:
        raise AssertionError("passed over")
    finally:
        Partition.broken = ""
