"""`python -m tools.cloud`."""

import sys

from tools.cloud.operator.cli import main

sys.exit(main())
