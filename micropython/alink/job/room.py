# A download beside an offer: its buffers go while that is judged, and it takes the newer link.
# MIT licence.
#
# Beside what that takes they would be the most that a board ever holds. buffers.py makes them
# anew.

import time

from micropython import const

from .. import parts

# Of moves.py, and of fetch.py.
_FETCHING = const(1)
_VERIFYING = const(2)
_OPEN = const(1)
_PEEK = const(5)
_MOVE = const(8)


def free(run):
    """Let go of the buffers of `run`, which hears: nothing is in them, or a block that does not
    get whole, which is asked for once more. Its next step makes them anew.

    Of a package what has come of its block goes to flash meanwhile, and what inflates stays. Not
    where somebody else may hold on to them: a source or target of the slot's that is not alink's.
    """
    fetch = run.fetch
    options = run.up.options
    if (
        options[0] is not None
        or options[1] is not None
        or not _FETCHING <= run.state <= _VERIFYING
        or (run.part is not None and run.state != _FETCHING)
    ):
        return
    target = run.target
    if fetch is not None:
        fetch.rest()
        if fetch.packed is not None:
            if fetch.packed.again > 0:
                hang_up(run)  # or it would not be known what comes again
            parts.ask("job.aside", "let_go", fetch)
            return
        ring = fetch.ring
        if (
            run.job.files[run.index].stream is not None
            or fetch.at
            or (ring is not None and ring.any())
            or _PEEK < fetch.state < _MOVE
        ):
            hang_up(run)
        ring = None
        fetch.block = fetch.view = fetch.tail = fetch.ring = fetch.spare = None
        fetch.source.block = None
    if run.part is None:
        target.block = target.spare = None


def hang_up(run):
    """What moves is let go, as over MQTT when the session is gone, and opened anew, with the block
    that was under way.
    """
    fetch = run.fetch
    fetch.rest()
    fetch.source.close()
    if fetch.state >= _PEEK:
        fetch.state = _OPEN


def renew(run, job):
    """The job under way, offered once more: its link may be fresh, or of another kind."""
    if run.fetch is None:
        return  # it has starved, or is overtaken: its next step says what becomes of it
    run.asked = time.ticks_ms()
    run.asks = 0
    file = job.files[run.index]
    if (run.job.files[run.index].stream is None) == (file.stream is None):
        # (In place of the old one: that had the same contents.)
        run.job.files[run.index] = run.fetch.file = run.fetch.link = file
        return
    # First what there may be no memory for: a run whose download is closed would stand still.
    starting = parts.use("job.starting")
    run.target.drop()
    run.fetch.close()
    run.job = run.up.job = job
    run.index = run.before = 0
    way = run.way
    try:
        starting.try_way(run, 0)
    except MemoryError:
        run.way = way  # its next step takes the one after that
        raise
    starting = None
    parts.drop("job.starting")
