# What begins a download, and what each of its connections begins with. MIT licence.
#
# Loaded for a moment each time: while something moves none of it is needed.

from micropython import const

from .. import log, parts

_FETCHING = const(1)  # see moves.py


def begin(run):
    """The first step of a run (run.py) with a job's file. Raises what that raises."""
    # (One after the other: each loads much.)
    run.others = None
    parts.drop("job.steps")
    run.turn("states", "begin")
    job = run.job
    file = job.files[run.index]
    parts.ask("job.checkpoint", "start", run.fetch, file, job.key, None, run.target)
    parts.drop("job.slot_begin")
    run.turn("states", "begun")
    run.turn("moves", "go", _FETCHING)
    run.up.set_state("downloading")
    if run.said:
        try:
            run.turn("progress", "tell", run.told, run.said)
        except MemoryError:
            log.debug("not told:", run.said)  # it may get lost
        run.said = ""


def connect(download):
    """Open a connection for the Download; its state is another one once it is there. Raises what
    Source.open() raises.
    """
    download.rest()
    if download.packed is not None:
        parts.ask("job.aside", "set_aside", download)
    try:
        start = download.source.open(download.link, download.offset, download.size)
    finally:
        parts.drop("job.https_open")
    if download.ring is None:
        parts.ask("job.room", "ring", download)
    if start is not None:
        tight = parts.ask("idf", "tight")
        parts.ask("job.opened", "opened", download, start, tight)
