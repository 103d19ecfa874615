"""`rollout start`: make an update batch."""

from __future__ import annotations

import argparse
import time
from typing import Any

from tools.cli import Refused
from tools.cloud.operator import arguments, show
from tools.cloud.platform import packages, place

NAME = "rollout start"
HELP = "update many devices: all, some, a share, or those that report a version"
EXAMPLES = """\
python -m tools.cloud --at desk rollout start a1B2c3D4e5F 1.1.0 --device roof_1 --device roof_2
python -m tools.cloud --at cn-shanghai rollout start a1B2c3D4e5F 1.1.0 --percent 5 --rate 100
python -m tools.cloud --at cn-shanghai rollout start a1B2c3D4e5F 1.1.0 --source 1.0.0 --dynamic"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    packages.add_arguments(parser)
    arguments.chosen(parser)
    parser.add_argument("--percent", metavar="P", help="a share of the devices, such as 0.5")
    parser.add_argument(
        "--later", action="store_true", help="with --dynamic: only those that report later"
    )
    add_terms(parser)
    parser.add_argument(
        "--begin-in-min", type=float, metavar="MIN", help="begin in 5 minutes to 7 days"
    )
    parser.add_argument(
        "--end-after-h", type=float, metavar="H", help="cancel the rest 1 hour to 30 days later"
    )
    parser.add_argument(
        "--tag",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="sent to the devices (repeatable)",
    )


def add_terms(parser: argparse.ArgumentParser) -> None:
    """The terms of a batch."""
    parser.add_argument("--rate", type=int, metavar="N", help="tell N devices a minute, from 10")
    parser.add_argument(
        "--timeout-min", type=int, metavar="MIN", help="fail so long after the first progress"
    )
    arguments.retries(parser)
    arguments.telling(parser, "rollout confirm")
    parser.add_argument(
        "--override", action="store_true", help="in place of tasks that have not begun"
    )
    parser.add_argument(
        "--over", choices=("https", "mqtt"), default="https", help="(default: https)"
    )


def terms(options: argparse.Namespace) -> dict[str, Any]:
    """The terms as the API names them."""
    retries = options.retry_after_min is not None
    return {
        "MaximumPerMinute": options.rate,
        "TimeoutInMinutes": options.timeout_min,
        "RetryInterval": options.retry_after_min,
        "RetryCount": options.retry_times if retries else None,
        "NeedConfirm": options.confirm,
        "NeedPush": not options.no_push,
        "OverwriteMode": 2 if options.override else 1,
        "DownloadProtocol": options.over.upper(),
    }


def run(options: argparse.Namespace) -> int:
    """0 when the batch is there."""
    tags = []
    for tag in options.tag:
        key, equals, value = tag.partition("=")
        if not equals:
            raise Refused(f"--tag {tag} has no value", "Write KEY=VALUE.")
        tags.append({"Key": key, "Value": value})
    api = place.connect(options)
    package = packages.named(api, options)
    if package["verification"] in ("unverified", "verifying", "failed"):
        raise Refused(
            f"{options.version} has not been verified ({package['verification']})",
            "Try it on a few devices with `release verify`; or publish it with --no-verify.",
        )
    fields: dict[str, Any] = {
        "FirmwareId": package["package"],
        "ProductKey": options.product_key,
        "SrcVersion": options.sources,
        "Tag": tags,
        **terms(options),
    }
    if options.dynamic:
        if options.device or options.percent:
            raise Refused("a dynamic batch is for who reports", "Leave --device, --percent out.")
        fields["DynamicMode"] = 2 if options.later else 1
        made = api.call("CreateOTADynamicUpgradeJob", **fields)
    else:
        made = api.call("CreateOTAStaticUpgradeJob", **fields, **_scope(options))
    show.one(
        options,
        {
            "job": made["Data"]["JobId"],
            "package": package["package"],
            "version": options.version,
            "created": made["Data"].get("UtcCreate"),
        },
    )
    return 0


def _scope(options: argparse.Namespace) -> dict[str, Any]:
    if options.device and options.percent:
        raise Refused("--device and --percent exclude each other", "Leave one out.")
    scope: dict[str, Any] = {"TargetSelection": "ALL"}
    if options.device:
        scope = {"TargetSelection": "SPECIFIC", "TargetDeviceName": options.device}
    elif options.percent:
        scope = {"TargetSelection": "GRAY", "GrayPercent": options.percent}
    begin = time.time()
    if options.begin_in_min is not None:
        begin += options.begin_in_min * 60
        scope["ScheduleTime"] = int(begin * 1000)
    if options.end_after_h is not None:
        scope["ScheduleFinishTime"] = int((begin + options.end_after_h * 3600) * 1000)
    return scope
