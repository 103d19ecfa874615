# How far a download has come, told while it moves: what that costs. MIT licence.

import sys

from alink.job.run import Run

NAME = "alink.job.progress"


class Device:
    product_key = "k"
    device_name = "n"
    connected = True

    def __init__(self):
        self.sent = []

    def next_id(self):
        return "1"

    def _send(self, packet):
        self.sent.append(bytes(packet))


class Fetch:
    waits = ""
    packed = None

    class source:
        config = {}
        unvouched = 0

    def __init__(self):
        self.offset = 0

    def step(self):
        self.offset += 10

    def rest(self):
        raise AssertionError("what moves goes on")


class Up:
    on_progress = None

    def __init__(self):
        self.device = Device()

    def call(self, hook, told=None):
        pass


class Job:
    size = 1000


def fetching():
    run = Run(Up(), Job(), None, "default")
    run.state = 1
    run.fetching = True
    run.fetch = Fetch()
    return run


def step(run, percent):
    while run.fetch.offset < percent * 11:
        run.at -= 1000  # it is said at most once a second
        assert run.step() is False
    return len(run.up.device.sent)


def test_what_tells_progress_is_loaded_once_and_is_gone_before_a_session_is_made_again():
    # From flash it takes longer than to move a block: 20 times a download.
    run = fetching()
    told = step(run, 6)
    assert told and b'"step":"5"' in run.up.device.sent[0]
    module = sys.modules[NAME]
    assert step(run, 30) > told
    assert sys.modules[NAME] is module
    run.up.device.connected = False
    told = step(run, 40)
    assert NAME not in sys.modules, "a sign-in needs the room"
    run.up.device.connected = True
    assert step(run, 50) > told
    run.up.device.connected = False
    step(run, 51)
