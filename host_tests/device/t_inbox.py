# What comes of offers that wait: their order, and what there is no memory for. MIT licence.

from alink.job import inbox


class Gate:
    """In place of parts: notes what the gate was given, and that it was let go."""

    reserve = ()

    def __init__(self):
        self.judged = []
        self.dropped = []
        self.asked = []
        self.room = 9000  # bytes that Python's heap takes without growing

    def ask(self, *args):
        if args == ("idf", "room"):
            return 0, 0, self.room
        self.asked.append(args)

    def use(self, name):
        assert name == "job.gate" or name == "job.offer"
        return self

    def parse(self, payload, reply):
        return payload.decode()

    def judge(self, up, job, error, payload, seen, reply, block):
        assert error is None and seen == hash(job.encode())
        assert payload is None, "1 KB and more, which nobody wants any more"
        self.judged.append((job, reply, block and len(block)))

    def drop(self, *names):
        self.dropped.extend(names)


class Under:
    """A run under way."""

    fetching = False


FIRST = b"first " * 30  # as long as a job


def test_offers_are_judged_in_their_order_and_with_a_block_to_download_in():
    class Up:
        run = None
        asked = {}
        _inbox = ((FIRST, False), (b"second", True), (b"third", True))

    plain = inbox.parts
    inbox.parts = gate = Gate()
    try:
        inbox.judge(Up)
        assert gate.judged == [(FIRST.decode(), False, 4096)]
        assert Up._inbox[0] == (b"second", True)

        Up.run = Under()
        inbox.judge(Up)
        assert gate.judged[1] == ("second", True, None)
        # What is under way makes room, and what reads is gone before what judges is there.
        assert gate.asked == [("job.room", "free", Up.run)]
        assert gate.dropped == ["job.offer", "versions", "job.gate"] * 2
        # No job is as short: what an idle board is answered after each sign-in.
        Up.run = None
        inbox.judge(Up)
        assert gate.judged[2] == ("third", True, None)
        # Python's heap would grow for it, into the memory of the link over which it came.
        gate.room -= 1
        Up._inbox = ((FIRST, False),)
        inbox.judge(Up)
        assert gate.judged[3] == (FIRST.decode(), False, None)
    finally:
        inbox.parts = plain


def test_an_application_beside_which_no_offer_can_be_judged_does_not_keep_the_next_release_away():
    class Full(Gate):
        full = True
        short = False
        starved = None

        def parse(self, payload, reply):
            if self.full:
                raise MemoryError
            return payload

        def judge(self, up, job, *more):
            self.judged.append(job)

        def ask(self, *args):
            if args == ("idf", "room"):
                return 0, 0, self.room
            if args == ("idf", "short"):
                return self.short
            self.starved = args

    class Up:
        run = None
        asked = {}

    plain = inbox.parts
    inbox.parts = gate = Full()

    def offer():
        Up._inbox = ((b"offer", True),)
        try:
            inbox.judge(Up)
        except MemoryError:
            return
        assert not gate.full

    try:
        for _ in range(11):
            offer()
        gate.full = False
        offer()  # what has gone well once is no such application
        gate.full = True
        for _ in range(12):
            offer()
            assert gate.starved is None
        offer()
        module, function, error = gate.starved
        assert (module, function, error.code) == ("starts", "starved", 84)
        gate.starved = None
        offer()
        assert gate.starved is None, "where there is no way without it, that is found out once"
        # So it is where there is no memory even to receive one.
        Up.asked.clear()
        gate.full = False
        for n in range(14):
            assert (gate.starved is None) == (n < 13)
            Up._inbox = ((None, False),)
            try:
                inbox.judge(Up)
            except MemoryError:
                continue
            assert n >= 12
        # Nothing can be said of it: where there is no way without it, it is asked for less often.
        assert Up.missed == 60000
        # Or to hold it whole: it is not failed before that has been tried without the application.
        Up.asked.clear()
        gate.judged.clear()
        gate.starved = None
        short = "default", "1.1.0", 917, 32768
        for _ in range(13):
            assert gate.starved is None and not gate.judged
            Up._inbox = ((short, False),)
            try:
                inbox.judge(Up)
            except MemoryError:
                continue
        assert gate.starved and gate.judged == [short], "where there is no way without it"
        # Beside an update it is asked for when that is over, which nothing ends.
        Up.asked.clear()
        Up.run = Under()
        gate.judged.clear()
        gate.starved = None
        for one in (short, None) * 20:
            Up.missed = None
            Up._inbox = ((one, False),)
            inbox.judge(Up)
            assert Up.missed == 5000
        assert not gate.judged and gate.starved is None
        Up.run = None
        # One that is too long for any board is answered at once.
        Up.asked.clear()
        Up._inbox = ((("default", "1.1.0", 32769, 32768), False),)
        inbox.judge(Up)
        assert len(gate.judged) == 1
        gate.starved, gate.full = None, True
        # Where each try takes more of the link's memory, it has to be sooner.
        Up.asked.clear()
        gate.short = True
        for _ in range(3):
            offer()
            assert gate.starved is None
        offer()
        assert gate.starved
    finally:
        inbox.parts = plain
