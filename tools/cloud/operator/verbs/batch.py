"""The commands for batches: batch, confirm, cancel."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console

from tools.cloud.mqtt.identity import Identity
from tools.cloud.operator import control
from tools.cloud.operator.batches import RATE_MAX, RETRY_AFTER_MIN, RETRY_TIMES, BatchBook, Terms
from tools.cloud.operator.tasks import DEFAULT_MODULE, CloudError, TaskBook

_ORDER = ("CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "CANCELED")


def add_parsers(commands: Any, keep: dict[str, Any]) -> None:
    """Add the three commands to the command line."""
    batch = commands.add_parser(
        "batch",
        help="upgrade many devices",
        description="Upgrade many devices of a product: all of them, or those of --device or "
        "--source. The terms are the platform's.",
        epilog="examples:\n"
        "  python -m tools.cloud batch a1B2c3D4e5F 1.1.0 --rate 10 --timeout-min 60\n"
        "  python -m tools.cloud batch a1B2c3D4e5F 1.1.0 --source 1.0.0 --dynamic\n"
        "  python -m tools.cloud batch a1B2c3D4e5F 1.1.0 --device roof_1 --device roof_2 "
        "--retry-after-min 10 --retry-times 2",
        **keep,
    )
    batch.add_argument("product_key", metavar="PRODUCT_KEY")
    batch.add_argument("version", metavar="VERSION")
    batch.add_argument("--module", default=DEFAULT_MODULE, help="a module with its own version")
    batch.add_argument(
        "--device", action="append", default=[], metavar="NAME", help="this device (repeatable)"
    )
    batch.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="VERSION",
        help="devices that report this version (repeatable)",
    )
    batch.add_argument(
        "--dynamic", action="store_true", help="also devices that report later, until cancelled"
    )
    batch.add_argument(
        "--timeout-min", type=int, metavar="MIN", help="fail so long after the first progress"
    )
    batch.add_argument(
        "--retry-after-min",
        type=int,
        choices=RETRY_AFTER_MIN,
        help="try a device that failed again, so much later",
    )
    batch.add_argument(
        "--retry-times", type=int, choices=RETRY_TIMES, default=1, help="how often (default: 1)"
    )
    batch.add_argument("--confirm", action="store_true", help="tell no device before `confirm`")
    batch.add_argument(
        "--override", action="store_true", help="cancel tasks that are not finished yet"
    )
    batch.add_argument(
        "--rate", type=int, metavar="N", help=f"tell N devices a minute, 1 to {RATE_MAX}"
    )
    batch.add_argument(
        "--no-push", action="store_true", help="do not push: devices find it when they ask"
    )
    confirm = commands.add_parser(
        "confirm",
        help="let the devices of a batch be told",
        description="Let devices be told that wait for it (batch --confirm).",
        epilog="example:\n  python -m tools.cloud confirm 3\n"
        "  python -m tools.cloud confirm 3 roof_1",
        **keep,
    )
    cancel = commands.add_parser(
        "cancel",
        help="cancel a batch, or one device's task",
        description="Cancel a batch, or some devices' part in it; or the task of a device that "
        "was pushed alone. Devices are not told.",
        epilog="examples:\n  python -m tools.cloud cancel 3\n"
        "  python -m tools.cloud cancel 3 roof_1\n"
        "  python -m tools.cloud cancel a1B2c3D4e5F greenhouse_07",
        **keep,
    )
    confirm.add_argument("batch", type=int, metavar="BATCH")
    cancel.add_argument("batch", metavar="BATCH|PRODUCT_KEY")
    for one in (confirm, cancel):
        one.add_argument("names", nargs="*", metavar="DEVICE_NAME")
    cancel.add_argument("--module", default=DEFAULT_MODULE, help="a module with its own version")


def batch(args: argparse.Namespace, book: TaskBook, out: Console) -> int:
    """Make a batch and have the server push what it allows."""
    terms = Terms(
        devices=tuple(args.device),
        sources=tuple(args.source),
        timeout_min=args.timeout_min,
        retry_after_min=args.retry_after_min,
        retry_times=args.retry_times,
        confirm=args.confirm,
        override=args.override,
        rate=args.rate,
        push=not args.no_push,
    )
    made = BatchBook(book).add(
        args.product_key, args.version, terms, module=args.module, dynamic=args.dynamic
    )
    kind = "dynamic" if made.dynamic else "static"
    out.print(f"batch       {made.id}: {made.product_key} to {made.version}, {kind}")
    _release(args, made.id, book, out)
    if args.confirm:
        out.print(f"No device is told before you confirm it: confirm {made.id}")
    return 0


def confirm(args: argparse.Namespace, book: TaskBook, out: Console) -> int:
    """Confirm a batch, or some devices of it."""
    count = BatchBook(book).confirm(args.batch, args.names)
    out.print(f"confirmed   {count}")
    _release(args, args.batch, book, out)
    return 0


def cancel(args: argparse.Namespace, book: TaskBook, out: Console) -> int:
    """Cancel a batch, devices of it, or the task of one device."""
    if args.batch.isdecimal():
        count = BatchBook(book).cancel(int(args.batch), args.names)
        out.print(f"cancelled   {count}")
        return 0
    if len(args.names) != 1:
        raise CloudError("name a batch by its number, or one device: cancel PRODUCT_KEY NAME")
    task = book.store.unfinished(Identity(args.batch, args.names[0]), args.module)
    if task is None:
        raise CloudError(f"{args.batch}/{args.names[0]} has no task to cancel; see `status`")
    book.finish(task, "CANCELED", "cancelled by the operator")
    out.print(f"cancelled   {task.identity} to {task.version}")
    return 0


def _release(args: argparse.Namespace, number: int, book: TaskBook, out: Console) -> None:
    answer = control.ask(args.folder, "release", batch=number)
    counts = book.store.counts(number)
    told = ", ".join(f"{counts[state]} {state}" for state in _ORDER if state in counts)
    out.print(f"devices     {told or 'none yet'}")
    if answer is None:
        out.print("No server runs in this folder: start it with `serve`; the batch is kept.")
