# How a run begins, and changes over: its way, its files, its links. MIT licence.
#
# Each is a function of the Run (run.py, where the states are told), loaded for it and let go.

import time

import machine
from micropython import const

from .. import log, parts
from ..errors import AlinkError

_E_EXPIRED = const(45)
_E_DOWNLOAD_RESET = const(49)

_BEGINNING = const(9)
_STORED = const(5)

_ALONE = const(3)

_REPLY_MS = const(30000)  # for the answer to a query
_LINK_ASKS = const(3)  # queries for a fresh link before the download is given up


def start(run):
    """Choose the way and begin the download."""
    up = run.up
    job = run.job
    version = up.version if run.part is None else run.part.version
    log.info("update %s -> %s, %d bytes" % (version, job.version, job.size))
    try_way(run, 0)
    # A board that browns out at the same place would begin for ever.
    if run.state == _BEGINNING:
        nvs = parts.use("nvs")
        if not parts.ask("attempts", "begin", nvs.Store(nvs.JOURNAL), job.key):
            raise AlinkError(_E_DOWNLOAD_RESET)


def try_way(run, failed):
    """Take the first way, or the next one: `failed` had too little memory."""
    up = run.up
    if run.fetch is not None:
        run.block = run.fetch.block  # for the next one
    run.fetch = run.target = None
    run.way = 0  # no way is another's next while one is looked for
    way = parts.ask("job.ways", "choose", up, run.job, failed)
    if way == _ALONE:
        try:
            run.turn("states", "release")
            parts.ask(
                "job.moves", "end", run, _STORED, (1, "restarting to download alone"), "restarting"
            )
        except MemoryError:
            # It is written down, and beside an application that holds so much: left unsaid.
            try:
                parts.use("job.restart").restart(up)
            except MemoryError:
                machine.reset()  # without last words
        return
    run.way = way
    run.target = up.options[1] if run.part is None else run.part.target
    if run.target is None:
        run.target = parts.use("job.slot").Slot()
    run.said = "downloading, " + ("beside" if way == 1 else "in turn")
    start_file(run, run.index)


def start_file(run, index):
    """Begin with the file `index` of the job."""
    job = run.job
    file = job.files[index]
    if run.part is not None or len(job.files) > 1:
        run.target.take(job.version, index, file.name, len(job.files))
    run.index = index
    run.asked = time.ticks_ms()
    run.asks = run.mark = 0
    run.turn("moves", "go", _BEGINNING)


def want_link(run):
    """The link has expired: the answer to the query carries a fresh one; asked again when late."""
    if run.asks == _LINK_ASKS:
        raise AlinkError(_E_EXPIRED, "none offered")
    run.turn("room", "free")
    log.info("the link expired: asking for a fresh one")
    run.asks += 1
    run.asked = time.ticks_add(time.ticks_ms(), _REPLY_MS)
    up = run.up
    try:
        up.asked[run.module] = parts.ask("reports", "query", up.device, run.module)
    except AlinkError as e:
        log.debug("query not sent:", e)
