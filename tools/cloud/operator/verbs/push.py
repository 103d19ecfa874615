"""`push`: the task of upgrading one device."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tools.cli import Refused
from tools.cloud import control, kept_files, rows
from tools.cloud.identity import Identity
from tools.cloud.operator import arguments, listing, show, waiting
from tools.cloud.operator.folder import CloudFolder
from tools.cloud.ota import packages

NAME = "push"
HELP = """\
upgrade a device

Make the task of upgrading a device. It is pushed at once when the device is online, otherwise \
when it reports its version. With --wait it stays until the task has ended. Exit codes then: 0 \
succeeded, 1 failed (with the reason and what to do), 4 not finished after --timeout, 130 Ctrl-C; \
after the last two the task goes on."""
EXAMPLES = """\
python -m tools.cloud push a1B2c3D4e5F greenhouse_07 1.1.0
python -m tools.cloud push a1B2c3D4e5F greenhouse_07 1.1.0 --wait --timeout 600
python -m tools.cloud push a1B2c3D4e5F greenhouse_07 1.1.0 --timeout-min 60 --over mqtt"""

_ASK_S = 2.0  # so often somebody who waits looks after the server


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
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
    parser.add_argument("--wait", action="store_true", help="wait until it has ended")
    parser.add_argument(
        "--timeout",
        type=arguments.seconds,
        metavar="SECONDS",
        help="with --wait: no longer than this (exit code 4)",
    )


def run(options: argparse.Namespace) -> int:
    """0 when there is a task that is not finished yet, or nothing to do; with --wait when it has
    succeeded. Raises Refused.
    """
    folder = CloudFolder(options.folder)
    if options.timeout is not None and not options.wait:
        raise Refused("--timeout is how long --wait waits", "Add --wait, or leave it out.")
    if options.wait and control.ask(options.folder, "hello") is None:
        raise Refused(
            f"no server runs in {options.folder}, and without one nothing comes of it",
            f"Start it with `{control.start_line(options.folder)}`.",
        )
    release = folder.store.release(options.product_key, options.module, options.version)
    if release is not None:
        identity = Identity(options.product_key, options.device_name)
        kept_files.check_all(folder.files, release)
        packages.check_device(folder.store, folder.files, identity, release)
        busy = folder.store.unfinished(identity, options.module)
        if busy is not None and busy.version == options.version and not options.override:
            raise Refused(
                f"{identity} is being upgraded to {busy.version} already, by task {busy.id}",
                f"Wait for that: `task show {busy.id}` tells how far it is. Or use --override, "
                "which cancels it and begins anew.",
            )
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
        show.said(
            options,
            listing.task(rows.outline(task)),
            f"task        {task.identity} to {task.version}: nothing to do, {task.desc}",
        )
        return 0
    if not task.unfinished:
        raise Refused(f"{task.version} {task.state}: {task.desc}", "Wait, or use --override.")
    answer = control.ask(options.folder, "offer", task=task.id)
    lookout = _Lookout(options)

    def look() -> show.Row:
        lookout.look()
        return listing.task(rows.outline(folder.store.task_by_id(task.id)))

    if options.wait:
        return waiting.wait(options, look, options.timeout)
    row = look()
    told = [f"task        {task.id}: {task.identity} to {task.version}, {row['state']}"]
    if answer is None:
        told.append("No server runs in this folder: start it with `serve`; the task is kept.")
    elif not answer.get("sent"):
        told.append("The device is offline or has not reported a version: pushed when it does.")
    show.said(options, row, *told)
    return 0


class _Lookout:
    """The server that somebody waits for, asked now and then; when it goes that is told once."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._asked = time.monotonic()
        self._there = True

    def look(self) -> None:
        """Ask it, unless that was just now."""
        if time.monotonic() - self._asked < _ASK_S:
            return
        there = _serves(self._options.folder)
        self._asked = time.monotonic()
        if self._there and not there:
            folder = self._options.folder
            show.warned(
                self._options,
                f"no server runs in {folder} any more: the task waits until one does",
                f"Start it again with `{control.start_line(folder)}`, or stop waiting with "
                "Ctrl-C: the task is kept.",
            )
        self._there = there


def _serves(folder: Path) -> bool:
    """Whether a server answers, or is too busy to."""
    try:
        return control.ask(folder, "hello") is not None
    except Refused:
        return True
