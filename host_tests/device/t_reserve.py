# What a growth of Python's heap leaves to the link. MIT licence.

import socket as real
import sys

from alink import idf, parts, reserve
from alink.updater import Updater

HEAD = 160


class Chip:
    """An IDF heap of one piece, and sockets whose datagrams lie in it, one behind the other; or in
    what is in other pieces, where that is told (rest, in bytes).
    """

    HEAP_DATA = 4

    def __init__(self, free, most=1 << 29, rest=0):
        self.free = free
        self.largest = free - rest
        self.rest = rest
        self.most = most  # bytes that may be taken
        self.gaps = 0  # bytes between what is kept
        self.open = []

    def idf_heap_info(self, kind):
        return [(1 << 20, self.free, self.largest, 0)]

    def socket(self, *kind):
        assert kind == (real.AF_INET, real.SOCK_DGRAM)
        made = Datagrams(self)
        self.open.append(made)
        return made


class Datagrams:
    def __init__(self, chip):
        self.chip = chip
        self.taken = self.beside = self.count = 0

    def bind(self, place):
        self.place = place
        assert place[0] == "127.0.0.1"
        assert place not in [one.place for one in self.chip.open if one is not self]

    def sendto(self, data, place):
        assert place == self.place
        size = len(data) + HEAD
        chip = self.chip
        if size > chip.most:
            raise OSError(12)
        self.count += 1
        assert self.count <= 6, "lwIP drops what is too much for a socket"
        chip.most -= size
        chip.free -= size
        if chip.rest >= size:
            chip.rest -= size  # (The smallest piece that it fits into.)
            self.beside += size
        else:
            chip.largest -= size
            self.taken += size
        return len(data)

    def close(self):
        chip = self.chip
        chip.open.remove(self)
        chip.free += self.taken + self.beside
        chip.rest += self.beside
        chip.gaps += self.taken
        if not chip.open:
            chip.largest += chip.gaps
            chip.gaps = 0


def on(chip, what, *args):
    names = sys.modules.get("esp32")
    sys.modules["esp32"] = chip
    made, reserve.socket = reserve.socket, chip
    try:
        return what(*args)
    finally:
        reserve.socket = made
        if names is None:
            del sys.modules["esp32"]
        else:
            sys.modules["esp32"] = names


def over():
    parts.release()


def test_the_largest_piece_is_kept_smaller_than_a_growth_and_no_more_is_taken_than_that():
    # Signed in, with Wi-Fi, before it; what has PSRAM, or an application that has grown already.
    for free in (66000, 94000, 110000, 55296, 34000, 250000, 4000000):
        chip = Chip(free)
        on(chip, idf.guard)
        kept = free - chip.free
        assert parts.kept == kept, (free, kept)
        if 55296 < free < 200000:
            assert 55296 - 2 * 3360 <= chip.largest <= 55296, (free, chip.largest)
            # Half of it are gaps, for a heap that is still too small, and for the link.
            assert chip.gaps == kept == (free - chip.largest) // 2
            assert len(parts.reserve) == len(chip.open) <= 3
            # It stays as it is when it is asked for once more.
            on(chip, idf.guard)
            assert parts.kept == kept
        else:
            assert kept == 0
        over()
        assert (chip.free, chip.largest, chip.open, parts.kept) == (free, free, [], 0)
        assert not parts.reserve


def test_of_what_lies_beside_the_largest_piece_growths_leave_the_link_something():
    # A block that came with the session has cut the heap: 45 KB, and 15 KB that a second growth
    # would take, all of it. What is left then in small pieces is too little for a link.
    chip = Chip(66000, rest=21000)
    on(chip, idf.guard)
    assert parts.kept == 3360 == 66000 - chip.free
    assert chip.largest == 45000, "the first growth has all that there is for it"
    on(chip, idf.guard)
    assert parts.kept == 3360, "once is enough"
    over()
    for rest in (7000, 14000):  # what a session always leaves beside it is none of Python's
        chip = Chip(45000 + rest, rest=rest)
        on(chip, idf.guard)
        assert parts.kept == 0, rest
    chip = Chip(55296 + 21000 + 7000, rest=21000)  # both at once
    on(chip, idf.guard)
    assert chip.largest <= 55296
    over()


def test_what_a_lost_session_gives_back_is_kept_too():
    chip = Chip(66000)
    on(chip, idf.guard)
    chip.free += 25000
    chip.largest += 25000
    on(chip, idf.guard)
    assert chip.largest <= 55296
    over()
    assert chip.free == chip.largest == 91000


def test_a_download_has_all_of_it_until_it_is_over():
    chip = Chip(66000)
    on(chip, idf.guard)
    parts.release()
    parts.reserve = None
    assert chip.largest == 66000
    on(chip, parts.guard)
    assert chip.largest == 66000, "nothing is kept beside a download"
    parts.release()
    on(chip, parts.guard)
    assert chip.largest == 66000, "nor after what TLS asks for beside it"
    parts.reserve = ()
    on(chip, parts.guard)
    assert chip.largest <= 55296
    over()


class Run:
    checking = True

    def step(self):
        return True


class Up:
    deferral = after = hello = None
    _inbox = ()

    def __init__(self):
        self.run = Run()

    def settle(self):
        pass

    def set_state(self, state):
        pass


def test_a_run_that_ends_gives_back_what_a_download_had_and_forgets_no_socket():
    for downloads in (False, True):
        chip = Chip(66000)
        on(chip, idf.guard)
        kept = parts.kept
        if downloads:
            parts.release()
            parts.reserve = None
        up = Up()
        on(chip, Updater._step, up)
        assert up.run is None
        # (A job that is refused has no download.)
        assert parts.kept == kept == 66000 - chip.free
        assert len(parts.reserve) == len(chip.open) == 1
        over()
        assert chip.free == 66000


def test_no_room_for_it_is_no_error():
    chip = Chip(94000, 10000)
    on(chip, idf.guard)
    assert 0 < parts.kept == 94000 - chip.free < 10000
    over()
    assert chip.free == 94000


def test_a_fault_of_a_moment_leaves_no_socket_that_holds_nothing():
    chip = Chip(110000)
    plain = chip.socket

    def none_left(*kind):
        if chip.open:
            raise OSError(23)
        return plain(*kind)

    chip.socket = none_left
    for _ in range(4):
        on(chip, idf.guard)
        assert (not parts.reserve, chip.open, parts.kept) == (True, [], 0)
    chip.socket = plain
    on(chip, idf.guard)
    assert chip.largest <= 55296
    over()


def test_when_python_has_grown_the_link_gets_what_was_kept_for_it():
    for left, given in ((4200, False), (4000, True)):
        chip = Chip(66000)
        on(chip, idf.guard)
        kept = parts.kept
        chip.free = left
        chip.largest = left
        on(chip, idf.guard)
        assert chip.free == left + (kept if given else 0)
        over()
    parts.drop("reserve")
