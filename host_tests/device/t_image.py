# The first bytes of an image: a wrong file is named while the slot still holds what it held. MIT
# licence.

from alink import errors
from alink.errors import AlinkError
from alink.job import image

CHIPS = (
    (0, "ESP32"),
    (2, "ESP32-S2"),
    (5, "ESP32-C3"),
    (9, "ESP32-S3"),
    (12, "ESP32-C2"),
    (13, "ESP32-C6"),
)


def head(chip=0, segments=3, length=1024):
    """The first block of an application image."""
    block = bytearray(4096)
    block[0] = 0xE9
    block[1] = segments
    block[12] = chip & 255
    block[13] = chip >> 8
    block[28:32] = length.to_bytes(4, "little")
    block[32:36] = b"\x32\x54\xcd\xab"
    return block


def refused(block, size=8192, chip=0):
    """-> the AlinkError with which it is refused."""
    try:
        image.check(block, size, chip)
    except AlinkError as e:
        assert e.step == -3
        return e
    raise AssertionError("taken")


def test_an_application_for_this_chip_is_taken():
    for chip, _ in CHIPS:
        image.check(head(chip), 8192, chip)
    for segments in (1, 16):
        image.check(head(segments=segments), 8192, 0)
    image.check(head(length=8192 - 32), 8192, 0)
    image.check(head(length=4), 36, 0)
    image.check(head(length=0x12344), 0x12344 + 32, 0)
    assert refused(head(length=0x12348), 0x12344 + 32).detail == "segment of 74568 bytes"


def test_an_image_for_another_chip_is_told_by_the_names_of_both():
    for chip, name in CHIPS:
        for mine, my_name in CHIPS:
            if chip != mine:
                e = refused(head(chip), chip=mine)
                assert e.code == errors.IMAGE_CHIP
                assert e.detail == "%s, this is %s" % (name, my_name)
    assert refused(head(0x0105), chip=5).detail == "chip 261, this is ESP32-C3"


def test_a_file_of_another_kind_is_called_what_it_is():
    for start, said in (
        (b"\x1f\x8b\x08", "a gzip file"),
        (b"PK\x03\x04", "a zip file"),
        (b"\x7fELF", "an ELF file"),
        (b"<!DOCTYPE html>", "a web page or XML"),
        (b'{"code": 404}', "JSON text"),
        (b"\xff\xff\xff", "blank, or a flash dump from address 0"),
        (b"\xff\x00", "starts with 0xff"),
        (b"\x00", "starts with 0x00"),
        (b"\x7fELV", "starts with 0x7f"),
    ):
        block = head()
        block[: len(start)] = start
        e = refused(block)
        assert (e.code, e.detail) == (errors.IMAGE_MAGIC, said), e


def test_a_file_shorter_than_any_head_is_refused_whatever_the_block_held_before():
    for size in (1, 35):
        e = refused(head(), size)
        assert (e.code, e.detail) == (errors.IMAGE_MAGIC, "%d bytes" % size)


def test_a_merged_firmware_never_becomes_the_one_that_boots():
    # It begins with a bootloader: a valid image, of the right chip, and no application.
    for at in range(32, 36):
        block = head()
        block[at] ^= 1
        assert refused(block).code == errors.IMAGE_MERGED


def test_segments_that_cannot_be_are_refused_before_the_bootloader_meets_them():
    for segments in (0, 17, 255):
        e = refused(head(segments=segments))
        assert (e.code, e.detail) == (errors.IMAGE_SEGMENTS, "%d segments" % segments)
    for length in (0, 1, 1022, 8192 - 28, 0x7FFFFFFC, 0xFFFFFFFC):
        assert refused(head(length=length)).code == errors.IMAGE_SEGMENTS, length


def test_the_chip_is_that_of_the_image_which_runs():
    running = head(9)

    class Partition:
        RUNNING = 1

        def __init__(self, kind):
            assert kind == self.RUNNING

        def readblocks(self, block, buf, offset):
            assert block == offset == 0
            buf[:] = running[: len(buf)]

    plain = image.esp32
    image.esp32 = Partition
    Partition.Partition = Partition
    try:
        image.look(None, head(9), 8192)
        try:
            image.look(None, head(0), 8192)
        except AlinkError as e:
            assert e.detail == "ESP32, this is ESP32-S3"
        else:
            raise AssertionError("taken")
        running[12:14] = b"\x05\x01"
        image.look(None, head(0x0105), 8192)
    finally:
        image.esp32 = plain
