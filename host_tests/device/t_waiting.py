# What an update costs an application's main loop while nothing moves. MIT licence.

import gc
import time

from alink import parts
from alink.job.run import Run
from alink.updater import Updater


class Device:
    connected = True


class Board(Updater):
    """An Updater of which nothing is begun."""

    def __init__(self):
        self.device = Device()
        self.run = self.hello = self._rest = None
        self._inbox = ()


class Source:
    config = {}
    unvouched = 0


class Waiting:
    """A Download that waits."""

    offset = 0
    source = Source()

    def __init__(self, waits):
        self.waits = waits

    def step(self):
        return False


class Report:
    def done(self):
        return False


class Counted(Run):
    turns = 0

    def turn(self, part, name, *args):
        self.turns += 1
        self.asked = time.ticks_add(time.ticks_ms(), 30000)


def running(waits):
    board = Board()
    board.run = run = Counted(board, None, None, "default")
    run.state = 1  # fetching
    run.mark = 1
    run.fetch = Waiting(waits)
    return board, run


def test_a_main_loop_may_sleep_while_a_download_pauses_or_waits_for_a_link():
    for waits in ("pause", "link"):
        board, run = running(waits)
        run.step()
        assert not board.busy, waits
        run.fetch.waits = ""
        run.step()
        assert board.busy


def test_a_main_loop_may_sleep_while_there_is_no_link_for_a_report():
    board, run = running("")
    run.state = 4  # telling
    run.closing = Report()
    run.step()
    assert board.busy
    board.device.connected = False
    run.step()
    assert not board.busy


class Hello:
    busy = True


def test_a_main_loop_may_sleep_while_a_version_cannot_be_reported():
    board = Board()
    board.hello = Hello()
    assert board.busy
    board.device.connected = False
    assert not board.busy


def test_a_main_loop_may_sleep_while_there_is_no_memory_for_a_step():
    board, _ = running("")
    board._rest = 5
    assert not board.busy


def test_waiting_for_a_fresh_link_loads_and_allocates_nothing_in_each_turn():
    _, run = running("link")
    run.step()
    assert run.turns == 1, "asked for"
    gc.collect()
    before = gc.mem_alloc()
    for _ in range(100):
        run.step()
    assert gc.mem_alloc() - before < 200
    assert run.turns == 1
    run.asked = time.ticks_add(time.ticks_ms(), -1)
    run.step()
    assert run.turns == 2, "asked for again when it is late"


def test_what_a_self_test_without_an_answer_does_is_said():
    from alink import log, proof

    said = []
    log.print = lambda *words: said.append(" ".join([str(word) for word in words]))
    assert proof.fault(lambda: None) is None
    assert "returned None" in said[0]
    assert proof.fault(lambda: True) is None
    assert proof.fault(lambda: False) == "returned False"
    assert proof.fault(None) is None
    assert len(said) == 1


def test_of_a_module_name_as_long_as_a_message_little_is_kept():
    offer = parts.use("job.offer")
    try:
        offer.parse(b'{"data":{"version":"1","module":"%s"}}' % (b"m" * 8000))
    except offer.BadJob as e:
        assert len(e.module) == 64
        assert len(e.detail) < 100
        return
    raise AssertionError("taken")
