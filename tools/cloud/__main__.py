"""`python -m tools.cloud`."""

import sys

from .cli import main

sys.exit(main())
