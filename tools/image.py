#!/usr/bin/env python3
"""A release: `python tools/image.py VERB --help`. The verbs: release/verbs."""

import sys
from pathlib import Path

if not __package__:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.programs import IMAGE

main = IMAGE.main

if __name__ == "__main__":
    sys.exit(main())
