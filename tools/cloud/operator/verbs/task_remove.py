"""`task remove`: take a task away."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, asking, removing, show
from tools.cloud.operator.folder import CloudFolder

NAME = "task remove"
HELP = """\
take a task away, with its history

Take a task away, with its history. One that is not finished is cancelled first, which is told \
before and after; its device is not told."""
EXAMPLES = """\
python -m tools.cloud task remove 12
python -m tools.cloud task remove 12 --yes"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.task(parser)
    arguments.yes(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is gone. Raises Refused."""
    folder = CloudFolder(options.folder)
    said = folder.task(options.task)
    tasks = removing.unfinished(folder.store, "id = ?", options.task)
    name = f"task {options.task}, {said['device']} to {said['version']} ({said['state']}),"
    asking.agree(f"{name} is forgotten{removing.told(tasks)}", yes=options.yes)
    removing.cancel(folder.book, tasks, "the task was removed")
    folder.store.remove_task(options.task)
    show.said(
        options,
        {"task": options.task, "cancelled": [one.id for one in tasks]},
        f"removed     task {options.task}",
        *removing.lines(tasks),
    )
    return 0
