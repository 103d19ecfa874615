# The job under way, offered once more. MIT licence.
#
# Loaded beside the gate, where there is little room: it is no part of starting.py.

import time


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
    run.fetch.close()
    run.target.drop()
    run.job = run.up.job = job
    run.index = run.before = 0
    run.turn("starting", "try_way", 0)
