# A half-made block while a connection is opened: nothing of it is lost, and none of it boots. MIT
# licence.

import gc
import time

from alink.job import aside
from alink.target import Target
from package_fakes import (
    AlinkError,
    Partition,
    errors,
    fill,
    loading,
    moving,
    parts,
    refused,
    through,
)
from package_maker import ADD, COPY, INSERT, compressed, difference, op
from room_fakes import Run, second_half

IMAGE = bytes((i * 31 + (i >> 8) * 7) & 255 for i in range(14000))
SOURCE = bytes((i * 17 + (i >> 8)) & 255 for i in range(9000))


def makes_room(one):
    """An offer is judged beside the download: how many bytes that has freed."""
    run = Run(one)
    gc.collect()
    before = gc.mem_alloc()
    parts.ask("job.room", "free", run)
    gc.collect()
    return before - gc.mem_alloc()


def room(make):
    """The most that makes_room() frees of what make() gives: what is stale on the stack may hold
    on to a block, but not at every depth.
    """

    def deep(depth):
        return deep(depth - 1) if depth else makes_room(make())

    return max([deep(depth) for depth in range(0, 12, 2)])


def half(blocks):
    """-> Download with `blocks` in the slot, and a part of the next one made."""
    fill(1, b"")
    one = moving(compressed(IMAGE), gives=1000)
    second_half(one, blocks)
    return one


def broken_and_opened_again(one):
    """The connection ends, and another one, which uses the block, goes on where it ended."""
    aside.set_aside(one)
    for i in range(4096):
        one.block[i] = 0xEE
    one.source.open(one.file, one.offset, one.size)
    if one.packed is not None:
        aside.resume(one)


def test_a_broken_link_in_the_middle_of_a_block_costs_nothing_of_it():
    one = half(2)
    filled = one.packed.filled
    made = bytes(one.block[:filled])
    broken_and_opened_again(one)
    assert bytes(one.block[:filled]) == made and one.packed.filled == filled
    assert not one.packed.again
    assert one.state == 8
    assert one.source.opened[-1] == one.offset > 8192
    assert through(one) == IMAGE


def test_two_broken_links_in_a_row_do_not_put_the_wrong_block_aside():
    one = half(1)
    made = bytes(one.block[: one.packed.filled])
    aside.set_aside(one)
    written = Partition.written
    for i in range(4096):
        one.block[i] = 0xEE
    aside.set_aside(one)  # the link is not open yet: what is in the block is not the image's
    assert Partition.written == written
    aside.resume(one)
    assert bytes(one.block[: len(made)]) == made
    assert through(one) == IMAGE


def test_a_first_block_that_nobody_has_looked_at_is_never_written():
    fill(1, b"")
    one = loading(compressed(IMAGE), gives=700)
    while one.packed is None or not one.packed.filled:
        assert not one.step()
    one.target.locked = True
    aside.set_aside(one)
    assert one.packed is None and one.offset == 0, "it begins again"
    assert not Partition.written
    assert through(one) == IMAGE


def test_between_two_blocks_there_is_nothing_to_put_aside():
    one = half(1)
    one.packed.filled = 0
    written = Partition.written
    aside.set_aside(one)
    assert Partition.written == written and not one.packed.again
    one.block[0] = 0xEE
    aside.resume(one)
    assert one.block[0] == 0xEE, "something was read into it"
    assert one.state == 8


def test_a_connection_that_opens_before_the_first_block_is_made_goes_on_with_the_check():
    one = half(1)
    one.target.at = 0
    aside.resume(one)
    assert one.state == 9


def test_worn_flash_is_named_and_the_image_not_spoilt_by_it():
    for name, call in (("writeblocks", aside.set_aside), ("readblocks", aside.resume)):
        one = half(1)
        if call is aside.resume:
            aside.set_aside(one)
        Partition.broken = name
        try:
            call(one)
        except AlinkError as e:
            assert e.code == errors.FLASH and "block 1" in e.detail, e
        else:
            raise AssertionError("passed over")
        finally:
            Partition.broken = ""


def test_the_last_block_is_written_only_when_the_whole_image_is_right():
    for size in (1, 4095, 4096, 4097, 14000):
        fill(1, b"")
        image = IMAGE[:size]
        body = bytearray(compressed(image))
        assert through(loading(bytes(body))) == image
        fill(1, b"")
        body[12] ^= 1  # the digest that the head tells
        e = refused(loading(bytes(body)))
        assert (e.code, e.detail) == (errors.PACKAGE, "not the image that its head tells of")
        assert Partition.written == (size - 1) // 4096


def test_an_offer_beside_a_package_has_the_room_of_its_block_and_costs_not_a_byte_of_it():
    assert room(lambda: half(2)) > 4096
    one = half(2)
    opened = len(one.source.opened)
    part = one.packed.filled
    makes_room(one)
    assert one.block is None and one.packed.filled == part
    assert through(one) == IMAGE
    assert len(one.source.opened) == opened, "what came was lost"


def test_an_offer_in_any_moment_of_a_package_leaves_the_image_right():
    ops = op(COPY, 5000), op(INSERT, 8000, IMAGE[:8000]), op(ADD, 900, bytes(900))
    image = SOURCE[:5000] + IMAGE[:8000] + SOURCE[5000:5900]
    for body, wanted in ((compressed(IMAGE), IMAGE), (difference(image, SOURCE, *ops), image)):
        turn = steps = 0
        while not steps or turn < steps:
            fill(0, SOURCE)
            fill(1, b"")
            one = loading(body, gives=700)
            one.source.dry = True
            steps = 0
            while not one.step():
                if steps == turn:
                    parts.ask("job.room", "free", Run(one))
                    parts.ask("job.room", "free", Run(one))  # (And a second one.)
                steps += 1
            while not one.target.finish():
                pass
            assert bytes(Partition.slots[1][: len(wanted)]) == wanted, turn
            turn += 1
        assert turn > 12, turn


def test_a_link_that_breaks_while_an_offer_is_judged_does_not_lose_the_block_that_is_in_flash():
    one = half(1)
    parts.ask("job.room", "free", Run(one))
    parts.ask("job.room", "hang_up", Run(one))
    assert through(one) == IMAGE
    assert one.source.opened[-1] > 4096, "it began again"


def test_bytes_that_come_again_after_an_offer_are_not_taken_for_new_ones():
    one = half(1)
    one.packed.again = 7  # a server that repeats what was damaged
    parts.ask("job.room", "free", Run(one))
    assert one.state == 1, "asked for behind all that has come"
    assert through(one) == IMAGE


def test_a_package_that_begins_again_keeps_nothing_of_what_it_was_made_in():
    def begun_again(body):
        fill(0, SOURCE)
        fill(1, b"")
        one = moving(body)
        while not one.target.at:
            assert not one.step()
        parts.ask("job.checkpoint", "restart", one, "a test")
        assert one.packed is None
        Partition.written = 0
        return one

    ops = op(COPY, 5000), op(INSERT, 8000, IMAGE[:8000])
    image = SOURCE[:5000] + IMAGE[:8000]
    for body, wanted in ((compressed(IMAGE), IMAGE), (difference(image, SOURCE, *ops), image)):
        # The block, the ring and what both were looked at through: all of it can go.
        found = room(lambda body=body: begun_again(body))
        assert found > 4096 + 1024, found
        one = begun_again(body)
        makes_room(one)
        assert through(one) == wanted


def test_flash_that_refuses_what_an_offer_wants_aside_ends_the_download_by_its_own_name():
    one = half(1)
    Partition.broken = "writeblocks"
    try:
        makes_room(one)
        assert one.block is not None
        assert refused(one).code == errors.FLASH
    finally:
        Partition.broken = ""


def test_a_download_that_had_a_package_takes_another_file():
    fill(1, b"")
    one = loading(compressed(IMAGE))
    assert through(one) == IMAGE
    again = loading(IMAGE)
    parts.ask("job.checkpoint", "start", one, again.file, "k", again.source, one.target)
    assert through(one) == IMAGE


def test_an_offer_beside_a_modules_download_has_the_room_of_its_block_and_costs_not_a_byte_of_it():
    class Files(Target):
        got = b""

        def write(self, block, n):
            self.got += block[:n]

    fill(1, b"")
    turn = steps = 0
    while not steps or turn < steps:
        one = loading(IMAGE, gives=700, target=Files())
        run = Run(one)
        run.part = "a module"
        steps = 0
        while not one.step():
            if steps == turn:
                parts.ask("job.room", "free", run)
                assert one.block is one.view is one.tail is one.ring is one.source.block is None
            steps += 1
        assert one.target.got == IMAGE, turn
        turn += 1
    assert turn > 3, turn


def test_memory_that_is_gone_when_the_block_is_made_anew_costs_a_step_and_nothing_else():
    def starve(*args):
        raise MemoryError

    one = half(1)
    makes_room(one)
    plain = aside.around
    aside.around = starve
    try:
        for _ in range(3):
            assert one.step() is False
            assert one.block is None, "it moves on without what it moves in"
        one.last = time.ticks_add(time.ticks_ms(), -20001)
        try:
            one.step()
        except MemoryError:
            pass  # it has lasted: this way there is no room for it
        else:
            raise AssertionError("it would stand still for ever")
    finally:
        aside.around = plain
    assert through(one) == IMAGE
