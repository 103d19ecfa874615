"""`python -m host_tests.long.powercut --help`."""

import sys

from host_tests.long.powercut.cli import main

if __name__ == "__main__":
    sys.exit(main())
