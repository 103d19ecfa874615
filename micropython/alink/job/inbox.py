# The oldest of the offers that wait, to the gate. MIT licence.
#
# Loaded for one message and let go. The flash block that all of a download moves in is made here,
# before what judges is loaded: later there may be as much memory, but no piece of 4096 bytes, and
# then Python's heap grows, into the memory of Wi-Fi and TLS. Where it would grow for the block,
# too, there is none: an update beside such an application is taken alone.

from micropython import const

from .. import parts
from ..errors import AlinkError

_E_NO_MEMORY = const(84)

_NO_JOB = const(100)  # bytes: no larger is an answer without one

_ROOM = const(9000)  # see ways.py

_STARVED = const(12)  # each is asked for again after 5 s: a minute and more
_GROWING = const(3)  # where the link is short of memory, too

_AGAIN_MS = const(5000)
_LATER_MS = const(60000)  # there is no way without the application


def judge(up):
    """Take the first message off the inbox of `up` (Updater) and judge it, see gate.py.

    (What reads it is gone by then: together they would be the most that a board ever holds.)
    """
    if up.run is None:
        starved = up.asked.get("", 0)
        if starved == _STARVED or (
            _GROWING <= starved < _STARVED and not parts.reserve and parts.ask("idf", "short")
        ):
            # Beside what the application holds none can be judged: no release would reach it.
            # (With each try Python's heap may grow once more, out of what the link has left.)
            parts.ask("starts", "starved", AlinkError(_E_NO_MEMORY, "judging an offer"))
        up.asked[""] = starved + 1
    if _judge(up):
        up.asked.pop("", None)


def _judge(up):
    # Whether there was the memory for it: what there is none to read is answered in the end.
    payload, reply = up._inbox[0]
    up._inbox = up._inbox[1:]
    block = job = error = None
    run = up.run
    # (The lengths of what could not be received, and of what is taken: see overlong.py.)
    if payload is None or (isinstance(payload, tuple) and payload[2] <= payload[3]):
        if run:
            up.missed = _AGAIN_MS  # it is asked for when that is over
            return True
        if up.asked[""] <= _STARVED:
            raise MemoryError
        if payload is None:
            up.missed = _LATER_MS  # nothing can be said of it
            return False
    if run:
        if run.fetching and run.fetch is not None:
            run.fetch.rest()  # before anything is loaded beside what moves
        parts.ask("job.room", "free", run)
    else:
        try:
            if len(payload) > _NO_JOB and parts.ask("idf", "room")[2] >= _ROOM:
                block = bytearray(4096)
        except MemoryError:
            pass  # it will be missed: see states.begin()
    try:
        job = parts.use("job.offer").parse(payload, reply)
    except AlinkError as e:
        error = e
    finally:
        parts.drop("job.offer", "versions")
    seen = hash(payload)
    if job is not None:
        payload = None  # (1 KB and more)
    parts.use("job.gate").judge(up, job, error, payload, seen, reply, block)
    well = error is None or error.code != _E_NO_MEMORY
    payload = block = job = error = None
    parts.drop("job.gate")
    if run and run.fetching:
        run.turn("states", "shelve")  # its link may be a fresh one
    return well
