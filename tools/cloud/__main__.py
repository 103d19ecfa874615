"""The platform on the desk: `python -m tools.cloud VERB --help`. The verbs: operator/verbs.

With `--at PLACE` in front the verbs are those of platform/verbs: what the platform's own API can
do, at the stand-in (desk) or at the platform (REGION, REGION/INSTANCE).
"""

import sys

from tools.programs import cloud

main = cloud

if __name__ == "__main__":
    sys.exit(main())
