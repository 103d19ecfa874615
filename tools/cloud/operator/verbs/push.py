"""`push`: the task of upgrading one device."""

from __future__ import annotations

import argparse

from tools.cli import Refused
from tools.cloud import control
from tools.cloud.operator import arguments, views
from tools.cloud.operator.folder import CloudFolder

NAME = "push"
HELP = """\
upgrade a device

Make the task of upgrading a device. It is pushed at once when the device is online, otherwise \
when it reports its version."""
EXAMPLES = """\
python -m tools.cloud push a1B2c3D4e5F greenhouse_07 1.1.0
python -m tools.cloud push a1B2c3D4e5F greenhouse_07 1.1.0 --timeout-min 60 --over mqtt"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.folder(parser)
    arguments.device(parser)
    arguments.version(parser)
    arguments.module(parser)
    arguments.terms(parser)
    parser.add_argument(
        "--over",
        choices=("https", "http", "mqtt"),
        default="https",
        help="how the device gets the file (default: https)",
    )


def run(options: argparse.Namespace) -> int:
    """0 when there is a task that is not finished yet, or nothing to do. Raises Refused."""
    out = views.console()
    folder = CloudFolder(options.folder)
    task = folder.book.add_task(
        options.product_key,
        options.device_name,
        options.version,
        module=options.module,
        timeout_min=options.timeout_min,
        override=options.override,
        options={"scheme": options.over},
    )
    if task.state == "SUCCEEDED":
        told = f"task        {task.identity} to {task.version}: nothing to do, {task.desc}"
        out.print(told, soft_wrap=True)
        return 0
    if not task.unfinished:
        raise Refused(f"{task.version} {task.state}: {task.desc}", "Wait, or use --override.")
    answer = control.ask(options.folder, "offer", task=task.id)
    task = folder.store.task_by_id(task.id)
    out.print(f"task        {task.identity} to {task.version}: {task.state}")
    if answer is None:
        out.print("No server runs in this folder: start it with `serve`; the task is kept.")
    elif not answer.get("sent"):
        out.print("The device is offline or has not reported a version: pushed when it does.")
    return 0
