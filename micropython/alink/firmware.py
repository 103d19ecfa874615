# The firmware's own modules, whatever an application calls its. MIT licence.
#
# Python looks into an application before it looks into the firmware: a lib/requests.py that
# somebody has put there once would be what every download is made with. Here what is frozen is
# found by its place on the path. It is a copy that nobody else sees, and is let go with this.

import sys

__path__ = ".frozen"


def find(name):
    """The firmware's module `name` ("umqtt.simple"). Where it has none: whatever is installed."""
    global __path__
    loaded = sys.modules.get(name.split(".")[0])
    if ".frozen" not in getattr(loaded, "__path__", ""):
        for place in sys.path:
            if place.endswith(".frozen"):
                __path__ = place
                try:
                    return __import__(__name__ + "." + name, None, None, (name,), 0)
                except ImportError:
                    pass  # not in here
    return __import__(name, None, None, (name,), 0)
