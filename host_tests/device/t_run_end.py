# How a run ends: states, trouble, the restart. MIT licence.

from alink import errors
from alink.errors import AlinkError
from alink.job import ending, moves, restart, room, starting, steps
from alink.job import run as real

NEW, FETCHING, VERIFYING, INSTALLING, TELLING = range(5)
STORED, FAILING, OVER, VERIFIED, BEGINNING = range(5, 10)


class Run:
    """As much of a Run as these functions touch; `turned` has what it was told to do next."""

    part = None
    index = 0
    asks = 0
    asked = closing = last = None
    stale = False
    starved = 0

    def __init__(self, state, way=0):
        self.state = state
        self.way = way
        self.fetching = state == FETCHING
        self.fetch = self.target = self.source = self.block = None
        self.turned = []
        self.raises = None
        self.up = self
        self.version = "1.0.0"

    def turn(self, *what):
        if what[:2] == ("moves", "go"):
            moves.go(self, what[2])
            return
        self.turned.append(what)
        if self.raises is not None:
            raise self.raises


def test_every_way_through_the_states_ends_and_nothing_follows_the_end():
    assert moves.MOVES[OVER] == 0
    for first in range(10):
        ends = {OVER} if first == OVER else set()
        for _ in range(10):
            for state in range(10):
                follow = {to for to in range(10) if moves.MOVES[state] >> to & 1}
                if follow & (ends | {OVER}):
                    ends.add(state)
        assert first in ends, first


def test_a_step_that_is_no_legal_move_is_a_bug_that_shows():
    for state, to in ((OVER, NEW), (STORED, FETCHING), (NEW, OVER), (FAILING, STORED)):
        run = Run(state)
        try:
            moves.go(run, to)
        except RuntimeError as e:
            assert "%d to %d" % (state, to) in str(e)
            assert run.state == state
        else:
            raise AssertionError((state, to))


def test_only_while_it_fetches_a_fresh_link_is_of_use():
    run = Run(BEGINNING)
    moves.go(run, FETCHING)
    assert run.fetching
    moves.go(run, VERIFYING)
    assert not run.fetching


def test_whatever_is_raised_in_a_step_has_a_name_of_alinks():
    told = []
    plain = ending.fail
    ending.fail = lambda run, error: told.append((error.code, error.detail))
    try:
        ending.trouble(Run(FETCHING), AlinkError(errors.LINK, "gone"))
        ending.trouble(Run(FETCHING), MemoryError())
        ending.trouble(Run(FETCHING), ImportError("no module named 'deflate'"))
        ending.trouble(Run(INSTALLING), ValueError("of the pump"))
    finally:
        ending.fail = plain
    assert [code for code, _ in told] == [errors.LINK, 84, 30, 98]
    assert "deflate" in told[2][1]
    assert told[3][1] == "ValueError: of the pump"


def test_an_update_that_cannot_even_end_for_want_of_memory_goes_on_without_the_application():
    class Parts:
        starts = []

        def ask(self, *args):
            self.starts.append(args)

    gate = Parts()
    plain = ending.fail, ending.parts
    failed = []
    ending.fail = lambda run, error: failed.append(error)
    ending.parts = gate
    run = Run(FETCHING)
    run.error = AlinkError(84, "in poll()")
    begun = real.Run(None, None, None, "default")
    try:
        for _ in range(30):
            begun.starve()  # the main loop's answer to what was raised
            run.starved = begun.starved
            ending.trouble(run, MemoryError())
            begun.starved = run.starved
        # Where it comes to nothing (a program of a developer's) it is tried again after a minute.
        assert gate.starts == [("starts", "starved", run.error)] * 2
        assert len(failed) == 30
    finally:
        ending.fail, ending.parts = plain


def test_want_of_memory_is_tried_by_the_next_way_and_only_there():
    told = []
    plain = ending.fail
    ending.fail = lambda run, error: told.append((error.code, error.detail))
    try:
        run = Run(FETCHING, way=1)
        ending.trouble(run, MemoryError())
        assert run.turned == [("starting", "try_way", 1)]
        assert not told
        # No way left says why better than the memory does; a slip of the search does not.
        for slip, code in ((AlinkError(errors.LINK), errors.LINK), (KeyError("x"), 84)):
            run = Run(FETCHING, way=2)
            run.raises = slip
            ending.trouble(run, MemoryError())
            assert told.pop()[0] == code
        # Nothing is begun anew where it was alone, has ended, or a module is tried.
        for state, way in ((FETCHING, 3), (FETCHING, 0), (INSTALLING, 1), (STORED, 1)):
            run = Run(state, way)
            ending.trouble(run, MemoryError())
            assert not run.turned
            assert told.pop()[0] == 84
    finally:
        ending.fail = plain


def test_a_job_that_another_one_overtakes_fails_but_not_what_is_told_already():
    told = []

    class Fetch:
        def close(self):
            told.append("closed")

    for state in range(10):
        run = Run(state)
        run.closing = "a report"
        run.fetch = Fetch()
        run.call = lambda what: what()
        ending.overtaken(run)
        assert run.stale
        assert (run.closing is None) == (state == FAILING)
        # Its next step ends it, and an offer that is judged before that finds no download.
        ends = run.last is not None
        assert ends == (run.fetch is None) == (state in (0, 1, 2, 3, 8, 9))
        if ends:
            assert run.last.code == 32
            room.renew(run, None)
        run.closing = None
        run.resting = run.hears = None
        if state != FETCHING and ends:  # (That one is run.py's: it raises what is in `last`.)
            steps.step(run)
            assert run.turned == [("ending", "fail", run.last)]
    assert told == ["closed"] * 6


def test_a_link_that_expires_for_ever_is_asked_for_three_times():
    run = Run(FETCHING)
    run.module = "default"
    run.device = None
    run.asked_for = {}
    plain = starting.parts

    class Parts:
        ask = staticmethod(lambda name, function, *args: 7)

    starting.parts = Parts
    # (`asked` of the Updater and of the Run are two things.)
    up = Run(NEW)
    up.device = None
    up.asked = {}
    run.up = up
    try:
        for _ in range(3):
            starting.want_link(run)
            assert up.asked == {"default": 7}
        try:
            starting.want_link(run)
        except AlinkError as e:
            assert e.code == 45
        else:
            raise AssertionError("it would ask for ever")
    finally:
        starting.parts = plain


def test_what_goes_on_without_the_application_needs_no_memory_to_say_so():
    class Parts:
        short = ()
        restarted = 0

        def ask(self, name, function, *args):
            if name in self.short:
                raise MemoryError
            return 3 if function == "choose" else None  # alone: written down

        def use(self, name):
            assert name == "job.restart"
            return self

        def restart(self, up):
            self.restarted += 1

    plain = starting.parts
    starting.parts = parts = Parts()
    run = Run(NEW)
    run.up = None
    run.job = "a job"
    try:
        starting.try_way(run, 0)
        assert not parts.restarted, "first it is told"
        parts.short = ("job.moves",)
        starting.try_way(run, 0)
        assert parts.restarted == 1
    finally:
        starting.parts = plain


def test_the_application_has_its_last_words_while_the_link_stands():
    said = []

    class Up:
        before_reset = "the application's"
        set_state = said.append

        def call(self, what):
            said.append(what)

        class device:
            @staticmethod
            def disconnect():
                said.append("signed off")

    class Machine:
        @staticmethod
        def reset():
            said.append("reset")

    plain = restart.machine
    restart.machine = Machine
    try:
        restart.restart(Up())
    finally:
        restart.machine = plain
    assert said == ["resetting", "the application's", "signed off", "reset"]
