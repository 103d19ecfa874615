"""The words and options that several commands have."""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import math
import re
from pathlib import Path

from tools.cloud.ota.batches import RETRY_AFTER_MIN, RETRY_TIMES
from tools.cloud.ota.tasks import DEFAULT_MODULE

_FOLDER = ".cloud"
_HOST_MAX = 253
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")  # of a name, between dots


def folder(parser: argparse.ArgumentParser) -> None:
    """--folder, which every command has."""
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(_FOLDER),
        help=f"where everything is kept (default: {_FOLDER})",
    )


def seconds(text: str) -> float:
    """What an option with a time says. Raises ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds")
    return number


def count(text: str) -> int:
    """How many, one at least. Raises ArgumentTypeError."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 1 or more")
    return int(text)


def host(text: str) -> str:
    """The name or address of a machine, without scheme, port or brackets. Raises
    ArgumentTypeError: the certificate of the server has to hold for it.
    """
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(text))
    labels = text.split(".")
    if len(text) <= _HOST_MAX and all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdigit():
        return text
    raise argparse.ArgumentTypeError(
        f"{text[:_HOST_MAX]!r} is neither a name nor an address: as in desk.local or "
        "192.168.1.10, without scheme, port or brackets"
    )


def public(text: str) -> str:
    """host(), of one machine: no address that means every machine, or many. Raises
    ArgumentTypeError.
    """
    named = host(text)
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(named)
        if address.is_unspecified or address.is_multicast:
            raise argparse.ArgumentTypeError(
                f"{named} is the address of no machine: name the one by which boards reach this"
            )
    return named


def product(parser: argparse.ArgumentParser) -> None:
    """Which product."""
    parser.add_argument("product_key", metavar="PRODUCT_KEY")


def maybe_product(parser: argparse.ArgumentParser) -> None:
    """Of which product alone, if it is said."""
    parser.add_argument("product_key", metavar="PRODUCT_KEY", nargs="?", help="only of this one")


def device(parser: argparse.ArgumentParser) -> None:
    """Which device of which product."""
    product(parser)
    parser.add_argument("device_name", metavar="DEVICE_NAME")


def version(parser: argparse.ArgumentParser) -> None:
    """Which version."""
    parser.add_argument("version", metavar="VERSION")


def module(parser: argparse.ArgumentParser) -> None:
    """--module, of what has more than one version."""
    parser.add_argument("--module", default=DEFAULT_MODULE, help="a module with its own version")


def release(parser: argparse.ArgumentParser) -> None:
    """Which package."""
    product(parser)
    version(parser)
    module(parser)


def source(parser: argparse.ArgumentParser) -> None:
    """--from, of a difference."""
    parser.add_argument(
        "--from",
        dest="source",
        metavar="VERSION",
        help="it is a difference, for devices that report this version",
    )


def chosen(parser: argparse.ArgumentParser) -> None:
    """--device, --source and --dynamic: which devices a batch is for."""
    parser.add_argument(
        "--device", action="append", default=[], metavar="NAME", help="this device (repeatable)"
    )
    parser.add_argument(
        "--source",
        dest="sources",
        action="append",
        default=[],
        metavar="VERSION",
        help="devices that report this version (repeatable)",
    )
    parser.add_argument(
        "--dynamic", action="store_true", help="also devices that report later, until cancelled"
    )


def telling(parser: argparse.ArgumentParser, confirm: str) -> None:
    """--confirm and --no-push, of a batch; confirm: the verb that gives leave."""
    parser.add_argument(
        "--confirm", action="store_true", help=f"tell no device before `{confirm}`"
    )
    parser.add_argument(
        "--no-push", action="store_true", help="do not push: devices find it when they ask"
    )


def task(parser: argparse.ArgumentParser) -> None:
    """Which task."""
    parser.add_argument("task", type=int, metavar="TASK", help="its number: `task list`")


def yes(parser: argparse.ArgumentParser) -> None:
    """--yes, where something is lost."""
    parser.add_argument("--yes", action="store_true", help="do not ask")


def terms(parser: argparse.ArgumentParser) -> None:
    """--timeout-min and --override, of a push and of a batch."""
    parser.add_argument(
        "--timeout-min", type=int, metavar="MIN", help="fail so long after the first progress"
    )
    parser.add_argument(
        "--override", action="store_true", help="cancel tasks that are not finished yet"
    )


def force(parser: argparse.ArgumentParser) -> None:
    """--force, where a file is judged."""
    parser.add_argument(
        "--force",
        action="store_true",
        help="take a file for the default module that is no image of this version, if it is meant",
    )


def port(text: str) -> int:
    """A port's number, 0 for any free one."""
    number = int(text) if text.isdecimal() else -1
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; use 0 to 65535")
    return number


def retries(parser: argparse.ArgumentParser) -> None:
    """--retry-after-min and --retry-times, of a batch."""
    parser.add_argument(
        "--retry-after-min",
        type=int,
        choices=RETRY_AFTER_MIN,
        help="try a device that failed again, so much later",
    )
    parser.add_argument(
        "--retry-times", type=int, choices=RETRY_TIMES, default=1, help="how often (default: 1)"
    )
