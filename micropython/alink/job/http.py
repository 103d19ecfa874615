# The name of a download over HTTPS for an application that makes its own. MIT licence.

from .download import Source as HttpSource

assert HttpSource
