#!/usr/bin/env python3
"""A board: `python tools/flash.py VERB --help`. The verbs: flashing/verbs."""

import sys
from pathlib import Path

if not __package__:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.programs import FLASH

main = FLASH.main

if __name__ == "__main__":
    sys.exit(main())
