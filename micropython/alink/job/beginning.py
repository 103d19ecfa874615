# What begins the download of a file. MIT licence.
#
# Loaded for a moment, when a run is ready for it.

from micropython import const

from .. import parts

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
        run.tell(run.told, run.said)
        run.said = ""
