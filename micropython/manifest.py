# Freeze alink into a firmware of your own: include() this from the board's manifest.
# The version is that of alink/__init__.py, and of package.json and pyproject.toml.
# ruff: noqa: F821 (these names are the manifest language)
metadata(description="Over-the-air updates on the Alibaba Cloud IoT Platform", version="1.0.0")
require("requests")
require("umqtt.simple")
package("alink", base_path=".")
module("boot.py", base_path=".")
