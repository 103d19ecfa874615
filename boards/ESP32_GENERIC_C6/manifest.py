# What is frozen into a firmware of this board: MicroPython's own modules, alink, the loader.
# ruff: noqa: F821 (these names are the manifest language)
include("$(PORT_DIR)/boards/manifest.py")
include("../../micropython/manifest.py")
