"""The board on the desk: `python -m tools.sim VERB --help`. The verbs: verbs."""

import sys

from tools.programs import SIM

main = SIM.main

if __name__ == "__main__":
    sys.exit(main())
