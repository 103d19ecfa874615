# What moves of a compressed image: inflated into the slot, block by block. MIT licence.

import hashlib
import sys

from alink.errors import AlinkError
from package_fakes import (
    Partition,
    errors,
    fill,
    loading,
    moving,
    parts,
    refused,
    through,
    without_heap,
)
from package_maker import bomb, compressed, head, stream

IMAGE = bytes((i * 31 + (i >> 8) * 7) & 255 for i in range(14000))


def packed(image, data, last=True):
    return head(image) + stream(data, last=last)


def test_an_image_that_travels_small_is_whole_in_the_slot_however_it_dribbles():
    for gives in (1, 7, 255, 1024):
        for size in (1, 255, 256, 257, 4095, 4096, 4097, 14000):
            if gives == 1 and size > 4097:
                continue
            fill(1, b"")
            image = IMAGE[:size]
            assert through(loading(compressed(image), gives=gives)) == image, (gives, size)
            assert Partition.written == (size + 4095) // 4096
    for gives in (3, 300):
        fill(1, b"")
        one = loading(compressed(IMAGE), gives=gives)
        one.source.dry = True
        assert through(one) == IMAGE, gives


def test_a_piece_on_its_way_through_the_inflater_costs_no_heap():
    image = bytes(4096 * 7)
    fill(1, b"")
    one = moving(packed(image, image), gives=700)
    without_heap(one, 6)
    assert through(one) == image


def test_a_stream_that_inflates_without_end_writes_no_block_too_many():
    # 13 bits make 258 bytes: 4 KiB would fill a slot of half a megabyte.
    image = bytes(8192)
    fill(1, b"")
    one = moving(head(image) + bomb(2000))
    assert refused(one).detail == "it goes on behind its image"
    assert Partition.written == 1, "the last one is not written before all is right"


def test_an_image_of_one_block_that_goes_on_is_refused_before_anything_is_written():
    fill(1, b"")
    for size in (100, 4096):
        one = loading(head(bytes(size)) + bomb(2000))
        assert refused(one).detail == "it goes on behind its image"
        assert not Partition.written


def test_a_stream_that_ends_early_never_leaves_a_whole_slot():
    fill(1, b"")
    for had in (0, 1, 4096, 13999):
        one = loading(packed(IMAGE, IMAGE[:had]))
        e = refused(one)
        assert (e.code, e.detail) == (errors.PACKAGE, "it ends before its image"), (had, e)
        assert Partition.written <= had // 4096


def test_a_file_cut_off_within_its_stream_is_called_damaged():
    fill(1, b"")
    whole = compressed(IMAGE)
    for cut in (82, 83, 88, 1024, 5000, len(whole) - 5, len(whole) - 1):
        e = refused(loading(whole[:cut]))
        assert e.code == errors.PACKAGE, (cut, e)
        assert Partition.written <= 3, cut


def test_a_changed_byte_is_found_before_the_last_block_is_written():
    fill(1, b"")
    whole = compressed(IMAGE)
    for at in (85, 86, 90, 5000, len(whole) - 1):
        broken = bytearray(whole)
        broken[at] ^= 1
        e = refused(loading(bytes(broken)))
        assert e.code == errors.PACKAGE, (at, e)
        assert Partition.written <= 3, at


def test_data_behind_the_stream_is_not_passed_over():
    for more in (b"\0", bytes(3000)):
        e = refused(loading(compressed(IMAGE) + more))
        assert (e.code, e.detail) == (errors.PACKAGE, "data behind its stream"), e


def test_an_image_other_than_its_head_tells_of_is_not_written_whole():
    fill(1, b"")
    e = refused(loading(packed(IMAGE, IMAGE[:-1] + b"\0")))
    assert (e.code, e.detail) == (errors.PACKAGE, "not the image that its head tells of"), e
    assert Partition.written == 3


def test_a_package_other_than_the_platform_promised_is_not_written_whole():
    fill(1, b"")
    one = loading(compressed(IMAGE), digest=hashlib.sha256(b"another").digest())
    assert refused(one).code == errors.DIGEST
    assert Partition.written == 3


def test_the_first_block_is_looked_at_as_it_will_stand_in_the_slot():
    one = moving(compressed(IMAGE))
    assert one.target.shown == (IMAGE[:16], 14000)


def test_a_link_that_breaks_or_falls_silent_has_its_own_name():
    one = moving(compressed(IMAGE), gives=300)
    one.source.broken = OSError(104)
    assert "connection broken" in refused(one).detail
    one = moving(compressed(IMAGE), gives=300)
    one.source.body = one.source.body[:6000]
    one.source.until = 6000
    assert "closed" in refused(one).detail
    one = moving(compressed(IMAGE), gives=300)
    one.source.until = one.source.at
    one.last -= 30000
    assert "no data for 20000 ms" in refused(one).detail


def test_bytes_that_come_a_second_time_are_not_taken_for_new_ones():
    for void in (4000, 4097, 8191, 9500):
        for gives in (100, 1000):
            fill(1, b"")
            one = loading(compressed(IMAGE), gives=gives)
            while one.packed is None:
                assert not one.step()
            one.source.void = void
            while one.source.void is not None:
                assert not one.step()
            # And once more, before all of them have come again.
            one.source.void = one.source.at + 500
            assert through(one) == IMAGE, (void, gives)
            assert one.source.void is None


def test_bytes_that_were_to_come_again_and_never_did_are_not_missed_by_the_next_connection():
    # The session was lost within a block, and then the reply to the new request stays away.
    fill(1, b"")
    one = loading(compressed(IMAGE), gives=300)
    one.config = {"tries": 5, "retry_min_ms": 1, "retry_max_ms": 1}
    source = one.source
    source.void = 9000
    source.dry = True
    while one.packed is None or not one.packed.again:
        assert not one.step()
    source.broken = AlinkError(errors.TIMEOUT, "no reply")
    while one.waits != "pause":
        assert not one.step()
    source.broken = None
    assert through(one) == IMAGE


def test_damage_at_the_end_of_a_package_is_fetched_once_more():
    # As of a block over MQTT whose CRC is wrong: all that was handed on of it is void.
    fill(1, b"")
    whole = compressed(IMAGE)
    for missing in (20, 500, 600):
        one = loading(whole)
        one.config = {"tries": 5, "retry_min_ms": 1, "retry_max_ms": 1}
        source = one.source
        bad = bytearray(whole)
        bad[8192 + 20] ^= 0x55
        source.body = memoryview(bad)
        source.until = len(whole) - missing
        while source.at < source.until:
            assert not one.step()
        source.unvouched = source.at - 8192
        source.broken = AlinkError(errors.BLOCK, "CRC")
        while one.waits != "pause":
            assert not one.step()
        source.body = memoryview(whole)
        source.until = len(whole)
        source.broken = None
        source.unvouched = Partition.written = 0
        assert through(one) == IMAGE, missing


def test_a_slow_server_is_not_given_up_while_something_comes():
    one = moving(compressed(IMAGE), gives=1)
    had = 0
    while had < 300:
        one.source.until = one.source.at + 1
        one.last -= 15000  # since the byte before
        assert not one.step()
        had += 1
    one.source.until = len(one.source.body)
    one.source.gives = 1000
    assert through(one) == IMAGE


def test_what_begins_a_package_is_gone_before_the_inflater_takes_its_window():
    one = loading(compressed(IMAGE), gives=300)
    while one.state != 9:
        assert not one.step()
    # (It takes it with the first byte that is wanted of it.)
    while one.state == 9:
        assert not one.step()
        if one.early == "job.unpack":
            for name in ("first", "slot_begin", "slot_rest", "moving", "packed"):
                assert "alink.job." + name not in sys.modules, name


def test_the_inflaters_window_is_free_when_the_digest_is_compared():
    one = moving(compressed(IMAGE))
    packed = one.packed
    assert packed.inflate is not None
    assert through(one) == IMAGE
    assert packed.inflate is None and packed.ring is None
    assert packed.holds == (14000, "sha256", hashlib.sha256(IMAGE).digest())


def test_the_inflaters_window_is_free_when_all_of_a_package_comes_once_more():
    fill(1, b"")
    one = moving(compressed(IMAGE))
    slot = one.packed
    parts.ask("job.checkpoint", "restart", one, "a test")
    assert one.packed is None and slot.inflate is None
    assert through(one) == IMAGE
    assert one.source.opened == [0, 0]
