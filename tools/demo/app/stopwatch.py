# How long does Updater.poll() keep the main loop? MIT licence.
#
# Counts turns by their duration, in classes that double (64 us, 128 us, ...), and prints the
# result before the board restarts.

import time

import machine
from alink import updater

_CLASSES = 24
_counts = [0] * _CLASSES
_longest = [0, ""]


def start():
    """Measure every poll() from now on; print what was found before a reset."""
    plain_poll = updater.Updater.poll
    plain_reset = machine.reset

    def poll(self):
        state = self.state
        began = time.ticks_us()
        plain_poll(self)
        took = time.ticks_diff(time.ticks_us(), began)
        if took > _longest[0]:
            _longest[0] = took
            _longest[1] = state
        place = 0
        while took >= 64 << place and place < _CLASSES - 1:
            place += 1
        _counts[place] += 1

    def reset():
        report()
        plain_reset()

    updater.Updater.poll = poll
    machine.reset = reset


def _below(share):
    # the upper end of the class that `share` (percent) of all turns stay in, in ms
    total = sum(_counts)
    seen = 0
    for place in range(_CLASSES):
        seen += _counts[place]
        if seen * 100 >= total * share:
            return (64 << place) / 1000
    return 0


def report():
    print(
        "poll(): %d turns; half under %.2f ms, 99 %% under %.2f ms; longest %.1f ms (%s)"
        % (sum(_counts), _below(50), _below(99), _longest[0] / 1000, _longest[1])
    )
