"""`release show`: one package."""

from __future__ import annotations

import argparse

from tools.cloud.operator import show
from tools.cloud.platform import batches, packages, place

NAME = "release show"
HELP = "a package: its files, its verification, how many devices it went to"
EXAMPLES = """\
python -m tools.cloud --at desk release show a1B2c3D4e5F 1.1.0
python -m tools.cloud --at cn-shanghai release show a1B2c3D4e5F 1.1.0 --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    packages.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is there. Raises Refused."""
    api = place.connect(options)
    package = packages.named(api, options)
    said = api.call("QueryOTAFirmware", FirmwareId=package["package"])["FirmwareInfo"]
    files = (said.get("MultiFiles") or {}).get("MultiFiles") or []
    show.one(
        options,
        {
            **package,
            "files": [one.get("Name") for one in files],
            "sign_method": said.get("SignMethod"),
            "digest": said.get("FirmwareSign"),
            "tasks": batches.counts(batches.of_package(api, package["package"])),
        },
    )
    return 0
