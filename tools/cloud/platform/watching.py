"""Waiting for a batch to end: a line whenever something has changed."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from tools.cloud.operator import show
from tools.cloud.operator.show import Row
from tools.cloud.platform import batches
from tools.cloud.platform.api import Api, NoAnswer
from tools.cloud.printable import shown

DESK_S, PLATFORM_S = 1.0, 10.0


def watch(
    api: Api,
    job: str,
    options: argparse.Namespace,
    pause: Callable[[float], None] = time.sleep,
) -> list[Row]:
    """Print a batch's counts as they change; its tasks, when none is unfinished.

    A dynamic batch ends when it is cancelled.
    """
    said = None
    while True:
        try:
            row, found = batches.batch(api, job), batches.tasks(api, job)
        except NoAnswer as exc:
            # It has been there: --watch is what somebody waits by.
            if said is None:
                raise
            show.warned(options, f"waits: {exc.cause}", exc.advice)
            pause(PLATFORM_S)
            continue
        now = {"job": job, "state": row["state"], "counts": batches.counts(found)}
        if now != said:
            said = now
            show.said(options, now, f"{row['state']}  {batches.told(now['counts'])}")
        if row["state"] in batches.ENDED and not any(
            one["state"] in batches.UNFINISHED for one in found
        ):
            return found
        pause(DESK_S if api.desk else PLATFORM_S)


def failures(found: list[Row], options: argparse.Namespace) -> int:
    """1 when a task has not succeeded, with a line for each; else 0."""
    failed = [one for one in found if one["state"] != "SUCCEEDED"]
    for one in failed:
        if not options.json:
            print(shown(f"{one['device']}  {one['state']}  {one['why'] or ''}").rstrip())
    return 1 if failed else 0
