# The chip's formats, which are those of the host's tools (tools/chip). MIT licence.
#
# They are on the path only while they are loaded, and not in sys.modules behind that: a program
# that has a package `chip` of its own gets its own.

import sys

_TOOLS = __file__.rsplit("/", 4)[0]

sys.path.insert(0, _TOOLS)
try:
    from chip import image, nor, otadata, table  # noqa: F401 (what this file is for)
finally:
    sys.path.remove(_TOOLS)
    for _name in list(sys.modules):
        if _name.split(".")[0] == "chip":
            del sys.modules[_name]
