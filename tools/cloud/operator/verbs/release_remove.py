"""`release remove`: take a package away."""

from __future__ import annotations

import argparse

from tools.cli import Refused
from tools.cloud.operator import arguments, asking, removing, show
from tools.cloud.operator.folder import CloudFolder

NAME = "release remove"
HELP = """\
take a package away

Take a package away, with the differences to it and its files; with --from one difference alone. \
Tasks that have not finished need it: they are cancelled, which is told before and after."""
EXAMPLES = """\
python -m tools.cloud release remove a1B2c3D4e5F 1.0.9
python -m tools.cloud release remove a1B2c3D4e5F 1.1.0 --from 1.0.9 --yes"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.release(parser)
    arguments.source(parser)
    arguments.yes(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is gone. Raises Refused."""
    folder = CloudFolder(options.folder)
    release = folder.book.release(options.product_key, options.module, options.version)
    source = options.source
    if source is not None and release.difference(source) is None:
        raise Refused(
            f"{release.version} has no difference from {source}", "`release list` shows them."
        )
    name = f"{release.version} of {release.product_key}, module {release.module}"
    name = name if source is None else f"the difference from {source} to {name}"
    tasks = removing.unfinished(folder.store, "release = ?", release.id)
    if source is not None:
        tasks = [one for one in tasks if one.source == source]
    also = "" if source is not None or not release.differences else " with its differences"
    asking.agree(f"{name} is deleted{also}{removing.told(tasks)}", yes=options.yes)
    removing.cancel(folder.book, tasks, "the package was removed")
    removing.forget(folder, release, source or "")
    show.said(
        options,
        {
            "product": release.product_key,
            "version": release.version,
            "module": release.module,
            "from": source,
            "cancelled": [one.id for one in tasks],
        },
        f"removed     {name}",
        *removing.lines(tasks),
    )
    return 0
