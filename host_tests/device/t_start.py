# What a start and a sign-in leave on the heap: it lies close together. MIT licence.

import gc
import sys

from alink import parts, setup
from alink.errors import AlinkError

OFTEN = (992, 1000)  # bytes: in whole blocks, or as they were asked for


class Heap:
    """gc with so much free (bytes); the threshold is the collector's own."""

    threshold = gc.threshold

    def __init__(self, free):
        self.free = free

    def mem_free(self):
        return self.free


CHIP = Heap(96000)  # an ESP32 without PSRAM, once its Wi-Fi is up


class Settings:
    """nvs.Store of a board that has everything."""

    def get_text(self, key):
        return None if key == "product_secret" else "x"

    def get_int(self, key, default=0):
        return default

    def get_bytes(self, key):
        return None


class Home:
    """A module in whose class it is seen how often the collector runs meanwhile."""

    error = None
    args = more = often = None

    def use(self, name):
        self.name = name
        return self

    def made(self, *args, **more):
        self.args = args
        self.more = more
        self.often = gc.threshold()
        if self.error is not None:
            raise self.error
        return "made"

    Device = Updater = made


def starting(error=None):
    home = Home()
    home.error = error
    setup.parts = home
    setup.gc = CHIP
    before = gc.threshold()
    gc.threshold(64000)  # the application's own
    try:
        assert setup.device(Settings(), keepalive=60) == "made"
        assert home.name == "device"
        assert home.args[:4] == ("x", "x", "x", "x") and home.more["keepalive"] == 60
        assert home.often in OFTEN and gc.threshold() == 64000
        assert setup.updater("device", "1.0.0", Settings(), way="alone") == "made"
        assert home.name == "updater"
        assert home.args == ("device", "1.0.0") and home.more["way"] == "alone"
        assert home.often in OFTEN
    finally:
        after = gc.threshold()
        gc.threshold(before)
        setup.parts = parts
        setup.gc = gc
    return after


def test_what_stays_of_a_start_is_made_while_garbage_is_collected_often():
    assert starting() == 64000, "the application's own limit holds again"


def test_a_start_with_psram_does_not_wait_for_the_collector_all_along():
    # There each time takes a good part of a second.
    home = Home()
    setup.parts = home
    setup.gc = Heap(4 << 20)
    try:
        setup.updater("device", "1.0.0", Settings())
    finally:
        setup.parts = parts
        setup.gc = gc
    assert home.often == (4 << 20) >> 7


def test_a_start_that_fails_leaves_the_collector_as_it_was():
    try:
        starting(AlinkError(80))
    except AlinkError:
        assert gc.threshold() not in OFTEN
    else:
        raise AssertionError


def test_a_session_is_made_when_what_has_led_to_it_is_collected():
    connect = parts.use("signin.connect")
    made = []

    class Heap:
        collected = 0

        def collect(self):
            self.collected += 1

    class Client:
        sock = None

        def __init__(self, *args, **more):
            self.door = more["ssl"]

        def connect(self, clean, timeout):
            assert not heap.collected, "before the name is looked up there is nothing to collect"
            self.door.wrap_socket(None, "h")

    class Simple:
        MQTTClient = Client
        MQTTException = ValueError

    class Firmware:
        reserve = ["a socket"]

        def release(self):
            self.reserve = ()

        def use(self, name):
            return self

        def find(self, name):
            return Simple

        def drop(self, *names):
            pass

        def ask(self, *args):
            return None

    class Feeder:
        on_feed = None
        _starts = []

    def session(*args):
        assert connect.parts.reserve == (), "what is kept for TLS is given back first"
        made.append(heap.collected)
        raise OSError(5)

    settings = "h", 1883, False, None, (b"c", b"u", b"p"), 300, (100, 100, 100), 1000
    connect.parts = Firmware()
    connect.gc = heap = Heap()
    connect.Session = session
    before = gc.threshold()
    try:
        connect.sign_in(Feeder, settings, 0)
    except OSError as e:
        assert e.errno == 5
    else:
        raise AssertionError
    finally:
        parts.drop("signin")
    assert made == [1]
    assert gc.threshold() == before
    assert "alink.signin.connect" not in sys.modules
