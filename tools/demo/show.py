"""Progress of a download, as the cloud sees it: a bar on a terminal, quarters elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from tools.cli import Refused
from tools.cloud import LocalCloud
from tools.cloud.records import DownloadRequest

_LOOK_S = 0.1
_LIMIT_S = 120.0


def watch_download(out: Console, cloud: LocalCloud, size: int, number: int) -> None:
    """Show the number-th download until it has ended.

    Raises Refused when none begins within 30 s or it takes longer than 120 s.
    """
    download = cloud.wait_for(
        lambda: cloud.downloads[number - 1] if len(cloud.downloads) >= number else None,
        30,
        "the download to begin",
    )
    assert download is not None
    if out.is_terminal:
        _bar(out, download, size)
    else:
        _quarters(out, download, size)


def _sizes(download: DownloadRequest) -> Iterator[int]:
    # bytes sent, ten times a second, until it has ended
    deadline = time.monotonic() + _LIMIT_S
    while not download.ended:
        if time.monotonic() > deadline:
            raise Refused(
                f"the download is not over after {_LIMIT_S:.0f} s",
                "Run it again, with nothing else that keeps this computer busy.",
            )
        yield download.bytes_sent
        time.sleep(_LOOK_S)
    yield download.bytes_sent


def _bar(out: Console, download: DownloadRequest, size: int) -> None:
    columns = (TextColumn("download"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=out) as progress:
        task = progress.add_task("download", total=size)
        for sent in _sizes(download):
            progress.update(task, completed=sent)


def _quarters(out: Console, download: DownloadRequest, size: int) -> None:
    shown = 0
    for sent in _sizes(download):
        percent = sent * 4 // size * 25
        if percent > shown:
            shown = percent
            out.print(f"download {percent} %")
