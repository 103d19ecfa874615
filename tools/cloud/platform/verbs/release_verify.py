"""`release verify`: try a package on a few devices; only then it may go to many."""

from __future__ import annotations

import argparse

from tools.cloud.operator import show
from tools.cloud.platform import packages, place, watching

NAME = "release verify"
HELP = "try a package on up to 10 devices, before it may go to many"
EXAMPLES = """\
python -m tools.cloud --at desk release verify a1B2c3D4e5F 1.1.0 greenhouse_07
python -m tools.cloud --at cn-shanghai release verify a1B2c3D4e5F 1.1.0 roof_1 roof_2 --no-wait"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    packages.add_arguments(parser)
    parser.add_argument("devices", nargs="+", metavar="DEVICE_NAME")
    parser.add_argument(
        "--timeout-min", type=int, metavar="MIN", help="fail so long after the first progress"
    )
    parser.add_argument("--no-wait", action="store_true", help="do not wait for the devices")


def run(options: argparse.Namespace) -> int:
    """0 when every device has succeeded (or with --no-wait), 1 when one has not."""
    api = place.connect(options)
    package = packages.named(api, options)
    job = api.call(
        "CreateOTAVerifyJob",
        FirmwareId=package["package"],
        ProductKey=options.product_key,
        TargetDeviceName=options.devices,
        TimeoutInMinutes=options.timeout_min,
    )["Data"]["JobId"]
    show.one(options, {"job": job})
    if options.no_wait:
        return 0
    return watching.failures(watching.watch(api, job, options), options)
