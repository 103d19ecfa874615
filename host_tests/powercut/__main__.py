"""`python -m host_tests.powercut --help`."""

import sys

from host_tests.powercut.cli import main

if __name__ == "__main__":
    sys.exit(main())
