"""`rollout list`: the batches of a package."""

from __future__ import annotations

import argparse

from tools.cloud.operator import show
from tools.cloud.platform import batches, packages, place

NAME = "rollout list"
HELP = "the batches of a package, the newest first"
EXAMPLES = """\
python -m tools.cloud --at desk rollout list a1B2c3D4e5F 1.1.0"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    packages.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """0."""
    api = place.connect(options)
    package = packages.named(api, options)
    found = []
    for said in api.pages(
        "ListOTAJobByFirmware", "Data", "SimpleOTAJobInfo", FirmwareId=package["package"]
    ):
        counted = batches.counts(batches.tasks(api, said["JobId"]))
        kind = str(said.get("SelectionType") or "").lower()
        verify = str(said.get("JobType")).startswith("VER")
        found.append(
            {
                "job": said["JobId"],
                "state": said.get("JobStatus"),
                "kind": "verification" if verify else kind,
                "devices": batches.told(counted),
                "counts": counted,
                "created": said.get("UtcCreate"),
            }
        )
    columns = ("job", "state", "kind", "devices", "created")
    show.rows(options, found, columns, "rollout", release=options.version)
    return 0
