# How far a download has come, told while it moves: what that costs. MIT licence.

import sys

from alink import parts
from alink.errors import AlinkError
from alink.job.fetch import Download
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


class Resting:
    early = "job.first"
    rest = Download.rest


def test_what_tells_progress_is_loaded_once_with_what_moves():
    # From flash it takes longer than to move a block: 20 times a download.
    run = fetching()
    parts.use("job.moving")
    module = sys.modules[NAME]
    assert step(run, 6) and b'"step":"5"' in run.up.device.sent[0]
    assert sys.modules[NAME] is module
    assert step(run, 30) > 1
    assert sys.modules[NAME] is module
    # And goes with it.
    Resting().rest()
    assert NAME not in sys.modules and "alink.job.moving" not in sys.modules
    # Alone it is loaded for a moment.
    assert step(run, 50) > 2
    assert NAME not in sys.modules


class Lost:
    error = _link = None
    _failures = 0
    _settings = (None, None, False)

    def _drop(self):
        pass


def test_what_tells_progress_is_not_beside_a_sign_in():
    parts.use("job.moving")
    parts.ask("backoff", "lost", Lost(), AlinkError(5, "gone"))
    assert NAME not in sys.modules
    # What moves goes on, and what is told by then is told as ever.
    assert step(fetching(), 6)
    parts.drop("job.moving", "job.progress")
