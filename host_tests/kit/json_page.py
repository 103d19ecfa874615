"""What docs/cloud.md says of `--json` of the tools beside the cloud."""

from __future__ import annotations

import re

from host_tests.kit.rig import ROOT

TABLE = (ROOT / "docs" / "cloud.md").read_text(encoding="utf-8").split("### Of the other tools")[1]


def keys(title: str) -> set[str]:
    """The keys of a command's row; of regions those of each are not among them."""
    row = next(line for line in TABLE.splitlines() if line.startswith(f"| `{title}` |"))
    told = re.sub(r"`regions` \(.*?\)", "`regions`", row.split(" | ")[2])
    return set(re.findall(r"`([^`]+)`", told))
