# For an application that makes its own source: what it derives from. MIT licence.
#
# The package itself takes job/https.py.

from . import http

keep = True
Source = http.HttpSource
