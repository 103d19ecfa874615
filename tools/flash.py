"""A board out of its bag: `python tools/flash.py VERB --help`. The verbs: tools/flashing/verbs."""

import sys
from pathlib import Path

if not __package__:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.cli import Program

WHAT = (
    "A board out of its bag: flash it, give it its identity, put your code on it, ask how it is."
)
PROGRAM = Program("flash", "flash.py", WHAT, "tools.flashing.verbs")
main = PROGRAM.main

if __name__ == "__main__":
    sys.exit(main())
