# The demo's application: the reference application, with a stopwatch around poll(). MIT licence.

import stopwatch

stopwatch.start()

import reference  # noqa: E402, F401 (a copy of micropython/main.py; it does not return)
