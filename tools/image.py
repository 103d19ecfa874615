#!/usr/bin/env python3
"""A release: `python tools/image.py VERB --help`. The verbs: tools/release/verbs."""

import sys
from pathlib import Path

if not __package__:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.cli import Program

WHAT = (
    "Make an image of a firmware and an application, or an archive of files; pack, inspect, sign."
)
PROGRAM = Program("image", "image.py", WHAT, "tools.release.verbs")
main = PROGRAM.main

if __name__ == "__main__":
    sys.exit(main())
