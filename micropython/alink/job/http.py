# For an application that makes its own source: downloads over HTTPS. MIT licence.
#
# What it uses is not let go when a job is over. The package itself takes job/https.py.

import sys

from . import https

keep = https.keep = True  # type: ignore[attr-defined]
# The folder, too: `import alink.job.http` finds it through that.
sys.modules[__name__.rsplit(".", 1)[0]].keep = True
HttpSource = https.Source
