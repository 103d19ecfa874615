# The steps of a run while nothing is fetched. MIT licence.
#
# Loaded when there is the first of them, and not while a file comes: that is run.py's own.

import time

from micropython import const

from .. import parts

# See moves.py.
_NEW = const(0)
_VERIFYING = const(2)
_STORED = const(5)
_OVER = const(7)
_VERIFIED = const(8)

_REPLY_MS = const(30000)  # for "100" to be taken


def step(run):
    """Do the next bounded thing of `run`. Raises what that raises."""
    state = run.state
    closing = run.closing
    up = run.up
    run.hears = True
    run.resting = closing is not None and not up.device.connected
    if run.last is not None and state >> 2 != 1:  # (4 to 7 are its end)
        run.turn("ending", "fail", run.last)  # see gate.refuse(), ending.overtaken()
    elif state == _VERIFYING:
        if run.target.finish():
            run.turn("states", "verified")
    elif closing is None:
        # Whatever it is, it is done once.
        if state == _NEW:
            run.turn("starting", "start")
        elif state == _VERIFIED:
            run.turn("storing", "turn")
        else:
            run.turn("ending", "turn")
        up.settle()
    # "100" decides nothing at the platform: its answer is not waited for long.
    elif closing.done() or (
        state == _STORED and not 0 < time.ticks_diff(run.at, time.ticks_ms()) <= _REPLY_MS
    ):
        run.turn("moves", "go", _OVER)
        if state == _STORED:
            parts.use("job.restart").restart(up)
