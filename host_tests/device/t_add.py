# The sums of a difference. MIT licence.

import micropython
from alink.job.add import add


def test_a_byte_that_goes_down_is_not_made_another_one():
    into = bytearray(range(256))
    add(into, bytes([255]) * 256, 256)
    assert into == bytes([(i - 1) % 256 for i in range(256)])
    into = bytearray([200, 0, 255])
    add(into, bytes([100, 0, 1]), 3)
    assert into == bytes([44, 0, 0])


def test_what_lies_behind_the_piece_stays_as_it_is():
    into = bytearray(b"abcdef")
    add(into, b"\x01" * 6, 3)
    assert into == b"bcddef"
    add(into, b"\x01" * 6, 0)
    assert into == b"bcddef"


def test_the_sums_of_a_difference_cost_no_heap():
    into = bytearray(256)
    what = memoryview(bytes(range(256)))
    micropython.heap_lock()
    try:
        add(into, what, 256)
        add(into, what, 256)
    finally:
        micropython.heap_unlock()
    assert into == bytes([2 * i % 256 for i in range(256)])
