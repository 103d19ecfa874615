"""`device remove`: take a device away."""

from __future__ import annotations

import argparse

from tools.cli import Refused
from tools.cloud import control
from tools.cloud.identity import Identity
from tools.cloud.operator import arguments, asking, removing, show
from tools.cloud.operator.folder import CloudFolder

NAME = "device remove"
HELP = """\
take a device away, with its secret

Take a device away: its secret, and what it has reported. It can sign in no longer. A task that \
it has not finished is cancelled, which is told before and after; its history stays."""
EXAMPLES = """\
python -m tools.cloud device remove a1B2c3D4e5F greenhouse_07
python -m tools.cloud device remove a1B2c3D4e5F greenhouse_07 --yes"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.device(parser)
    arguments.yes(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is gone. Raises Refused."""
    folder = CloudFolder(options.folder)
    device = Identity(options.product_key, options.device_name)
    if folder.store.secret(device) is None:
        raise Refused(f"there is no device {device}", "`device list` shows them.")
    tasks = removing.unfinished(
        folder.store, "pk = ? and dn = ?", device.product_key, device.device_name
    )
    asking.agree(f"{device} loses its secret{removing.told(tasks)}", yes=options.yes)
    removing.cancel(folder.book, tasks, "the device was removed")
    folder.store.remove_device(device)
    control.ask(options.folder, "drop", product=device.product_key, device=device.device_name)
    show.said(
        options,
        {
            "product": device.product_key,
            "device": device.device_name,
            "cancelled": [one.id for one in tasks],
        },
        f"removed     {device}",
        *removing.lines(tasks),
    )
    return 0
