# The states of a run, and the legal moves between them. MIT licence.
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


def go(run, state):
    """To another state. Raises RuntimeError where that is no legal move."""
    if not MOVES[run.state] >> state & 1:
        raise RuntimeError("a run cannot go from %d to %d" % (run.state, state))
    run.state = state
    run.fetching = state == _FETCHING


def end(run, state, last, said):
    """Nothing is left but to say `last`: (step, desc), or an AlinkError. said: the state."""
    if run.state != _NEW:
        nvs = parts.use("nvs")
        nvs.hint(nvs.Store(nvs.JOURNAL).erase, "begun")  # no reset has ended it: see attempts.py
    run.go(state)
    run.last = last
    run.block = None
    run.at = time.ticks_add(time.ticks_ms(), _REPLY_MS)
    run.up.set_state(said)
