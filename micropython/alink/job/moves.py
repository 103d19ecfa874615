# What a new run has, its states, and the legal moves between them. MIT licence.
#
# Functions of the Run (run.py), loaded for a moment and let go.

import time

from micropython import const

from .. import parts

# For run.py, starting.py and ending.py too.
_NEW = const(0)
_FETCHING = const(1)
_VERIFYING = const(2)
_INSTALLING = const(3)  # a module other than the slot is tried
_TELLING = const(4)  # its last report is on its way
_STORED = const(5)  # bootable, or left to the next start: the last report is on its way
_FAILING = const(6)  # the negative step is on its way
_OVER = const(7)
_VERIFIED = const(8)  # the target has all of a file
_BEGINNING = const(9)  # all is ready for the next file

# From each, the states that may follow, as bits.
MOVES = (
    1 << _BEGINNING | 1 << _STORED | 1 << _FAILING,
    1 << _BEGINNING | 1 << _VERIFYING | 1 << _STORED | 1 << _FAILING,
    1 << _VERIFIED | 1 << _BEGINNING | 1 << _STORED | 1 << _FAILING,
    1 << _TELLING | 1 << _FAILING,
    1 << _OVER,
    1 << _OVER | 1 << _FAILING,
    1 << _OVER,
    0,
    1 << _BEGINNING | 1 << _INSTALLING | 1 << _STORED | 1 << _FAILING,
    1 << _BEGINNING | 1 << _FETCHING | 1 << _STORED | 1 << _FAILING,
)

_REPLY_MS = const(30000)  # for the last report to be taken


def fill(run, up, job, part, module):
    """All that a new Run has."""
    run.up = up
    run.job = job
    run.part = part
    run.module = module
    run.state = _NEW
    run.way = 0
    run.fetching = run.resting = run.held = False  # held: MQTT is signed off
    run.fetch = run.target = run.block = run.others = None
    run.said = ""  # of the way, when the download begins
    run.index = 0  # of the job's file that is being fetched
    run.before = 0  # bytes of the files before it
    run.mark = 0  # bytes at which the percentage changes
    run.told = 0  # percent, the last time
    # When that was; in the end, until when the last report is waited for. since: when a block was
    # whole, the last time.
    run.at = run.asked = run.since = time.ticks_ms()
    run.asks = 0  # how often a fresh link was asked for; asked: until when an answer may come
    # (Of few runs more than what run.py says of these. last: what the last report says: (step,
    # desc), or an AlinkError; before that what its next step ends with: see ending.overtaken().
    # closing: the report itself, under way. others: steps.py, while it is loaded. stale: another
    # job of its module is offered.)


def go(run, state):
    """To another state. Raises RuntimeError where that is no legal move."""
    if not MOVES[run.state] >> state & 1:
        raise RuntimeError("a run cannot go from %d to %d" % (run.state, state))
    run.state = state
    run.fetching = state == _FETCHING


def end(run, state, last, said):
    """Nothing is left but to say `last`: (step, desc), or an AlinkError. said: the state."""
    nvs = parts.use("nvs")
    # A job that is refused may be the one whose link an earlier start has left. (No reset has
    # ended one that had begun: see attempts.py.)
    keys = ("link",) if run.state == _NEW else ("begun", "link")
    nvs.hint(nvs.Store(nvs.JOURNAL).erase, *keys)
    go(run, state)
    run.last = last
    run.block = None
    run.at = time.ticks_add(time.ticks_ms(), _REPLY_MS)
    run.up.set_state(said)
