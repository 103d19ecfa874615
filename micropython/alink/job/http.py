# For an application that makes its own source: downloads over HTTPS. MIT licence.
#
# What it uses is not let go when a job is over. The package itself takes job/https.py.

from . import https

keep = https.keep = True  # type: ignore[attr-defined]
HttpSource = https.Source
