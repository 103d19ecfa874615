"""What a command ends with, for scripts: the same in all of them."""

DONE = 0
FAILED = 1  # or refused: one sentence on stderr says why, and what to do
WRONG_USAGE = 2  # argparse's own
STOPPED = 3  # a rollout that has stopped itself
UNFINISHED = 4  # what was waited for goes on
INTERRUPTED = 130  # Ctrl-C, as a shell has it
