"""How long a board's main loop is held: what its longest poll() takes."""

from __future__ import annotations

import re

from host_tests.kit.rig import Rig

# For app(setup=...): prints each poll() that is longer than those before, and one that raises.
WATCHED = """
longest = 0
plain_poll = updater.poll

def watched():
    global longest
    began = time.ticks_us()
    try:
        plain_poll()
    except Exception as e:
        print("poll() raised %s: %s" % (type(e).__name__, e))
        raise
    took = time.ticks_diff(time.ticks_us(), began)
    if took > longest:
        longest = took
        print("longest poll %d us (%s)" % (took, updater.state))

updater.poll = watched
"""


def longest_ms(rig: Rig) -> float:
    """The longest that an application with WATCHED has told of."""
    found = re.findall(r"longest poll (\d+) us", rig.board.console_text())
    assert found, "nothing was measured"
    return max(int(us) for us in found) / 1000
