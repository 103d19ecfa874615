"""make demo: a board on the desk is updated over the air, and falls back from a bad version.

Act 1: 1.0.0 -> 1.1.0, a real stock ESP32 firmware with a small application, over verified TLS.
Act 2: 1.2.0 crashes at its start; the board falls back to 1.1.0 and tells the cloud why.
Act 3: 1.1.0 -> 1.1.1, in which one line is another, as a difference of some hundred bytes.
Ends with what the cloud recorded, and with 0 only if all acts ended as told.

--fleet: other acts, with twenty boards. 1.1.0 is published, verified and rolled out in phases;
1.2.0 crashes at its start, and its threshold stops it.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tools.cli import Refused
from tools.cloud import LocalCloud
from tools.demo import fleet
from tools.demo.boards import CRASH, PK, ROOT, confirmed, install_loader, provision
from tools.demo.show import watch_download
from tools.dev import stock
from tools.images import build_image
from tools.release.pack import blocks, difference
from tools.release.package_report import told
from tools.sim import Board

APP = Path(__file__).resolve().parent / "app"
DN = "greenhouse_07"
LINE = "\nprint('the line that is new in 1.1.1')\n"
PACE_BYTES, PACE_S = 16384, 0.02
SERVED_AT_MOST, WRITTEN_AT_MOST = 1024, 4  # bytes, flash blocks: of one line

out = Console(highlight=False, soft_wrap=True)


def application(folder: Path, main: str | None = None) -> Path:
    """The application's folder: the demo's files and the reference application.

    main: what main.py is instead.
    """
    shutil.copytree(APP, folder)
    shutil.copy(ROOT / "micropython" / "main.py", folder / "reference.py")
    if main is not None:
        (folder / "main.py").write_text(main)
    return folder


def build(folder: Path) -> dict[str, bytes]:
    """The four images, by version."""
    firmware = stock.app_image()
    kind = "stock MicroPython v1.23.0" if firmware.real else "synthesised firmware of that size"
    good = application(folder / "app")
    bad = application(folder / "app-broken", CRASH)
    head, start = (APP / "main.py").read_text().split("\nimport stopwatch\n")
    line = application(folder / "app-line", f"{head}{LINE}import stopwatch\n{start}")
    images = {
        version: build_image(firmware.data, app, version)
        for version, app in (("1.0.0", good), ("1.1.0", good), ("1.2.0", bad), ("1.1.1", line))
    }
    out.print(
        f"images: {kind}, {len(firmware.data):,} bytes, and an application of "
        f"{len(images['1.0.0']) - len(firmware.data):,} bytes"
    )
    return images


def _updated(
    board: Board, cloud: LocalCloud, version: str, image: bytes, *, act: int, size: int, slot: int
) -> tuple[bool, str]:
    """Push a version, of which `size` bytes travel, and wait until the board has confirmed it in
    this slot: whether the slot holds the image, and how it went.
    """
    began = time.monotonic()
    cloud.push(PK, DN, version)
    watch_download(out, cloud, size, act)
    task = cloud.wait_task(PK, DN, version, "SUCCEEDED", 60)
    board.wait_for(lambda: confirmed(board, slot), 10, "the confirmation")
    exact = board.slot_bytes(slot)[: len(image)] == image
    return exact, (
        f"{version} {task.state} after {time.monotonic() - began:.1f} s; slot {slot} is confirmed "
        f"and holds the image{'' if exact else ' WITH DIFFERENCES'}"
    )


def act_one(board: Board, cloud: LocalCloud, image: bytes) -> bool:
    """The update that succeeds."""
    out.rule("[bold]Act 1: 1.0.0 -> 1.1.0")
    cloud.wait_for(lambda: cloud.version(PK, DN) == "1.0.0", 30, "the board to sign in")
    cloud.add_release(PK, "1.1.0", image, sign_method="SHA256")
    exact, told_of = _updated(board, cloud, "1.1.0", image, act=1, size=len(image), slot=1)
    out.print(told_of)
    return exact


def act_two(board: Board, cloud: LocalCloud, image: bytes) -> bool:
    """The update that falls back."""
    out.rule("[bold]Act 2: 1.2.0, which crashes at its start")
    cloud.add_release(PK, "1.2.0", image)
    cloud.push(PK, DN, "1.2.0")
    watch_download(out, cloud, len(image), 2)
    task = cloud.wait_task(PK, DN, "1.2.0", "FAILED", 60)
    cloud.wait_for(lambda: cloud.version(PK, DN) == "1.1.0", 30, "1.1.0 to report itself")
    out.print(f"1.2.0 {task.state}: {task.desc}")
    out.print(f"slot {board.running_slot()} runs again: {cloud.version(PK, DN)}")
    return "trial-crashed" in task.desc and board.running_slot() == 1 and confirmed(board, 1)


def act_three(board: Board, cloud: LocalCloud, image: bytes, source: bytes) -> bool:
    """The small update."""
    out.rule("[bold]Act 3: 1.1.0 -> 1.1.1, one line changed, as a difference")
    cloud.advance(60)  # a minute on its clock: the platform takes five sign-ins in one
    package = difference(image, source)
    out.print(f"image.py pack 1.1.1 --from 1.1.0: {told(package, image, source)}")
    cloud.add_release(PK, "1.1.1", image)
    cloud.add_difference(PK, "1.1.1", package, "1.1.0")
    before = board.flash_ops["ota_0"].erases
    exact, told_of = _updated(board, cloud, "1.1.1", image, act=3, size=len(package), slot=0)
    served = sum(download.bytes_sent for download in cloud.downloads[2:])
    written = board.flash_ops["ota_0"].erases - before
    out.print(
        f"{told_of}; {served:,} bytes served, {written} of {blocks(image)} flash blocks written"
    )
    return exact and served <= SERVED_AT_MOST and written <= WRITTEN_AT_MOST


def recorded(cloud: LocalCloud) -> None:
    """What the cloud recorded, act by act."""
    for number, version in enumerate(("1.1.0", "1.2.0", "1.1.1"), 1):
        title = f"Act {number}"
        task = cloud.task(PK, DN, version)
        table = Table(title=f"{title}: what the cloud recorded of {version}", title_justify="left")
        for name in ("second", "state", "step", "said"):
            table.add_column(name, overflow="fold")
        for event in task.history:
            step = "" if event.step is None else str(event.step)
            table.add_row(f"{event.time - task.created:.2f}", event.state, step, event.desc)
        out.print(table)
    for download in cloud.downloads:
        out.print(f"download {download.path}: {download.status}, {download.bytes_sent:,} bytes")


def one_board(folder: Path, *, full_speed: bool) -> bool:
    """The three acts; whether all ended as told."""
    images = build(folder)  # fetches the stock image the first time
    with (
        LocalCloud(folder / "cloud") as cloud,
        Board.create(
            folder / "flash.bin",
            heap="esp32",
            console=lambda line: out.print(f"  board| {line}", style="dim", markup=False),
        ) as board,
    ):
        if not full_speed:
            # So that there is something to see; a real ESP32 writes about 75 kB/s.
            cloud.faults.drip_bytes, cloud.faults.drip_delay_s = PACE_BYTES, PACE_S
        install_loader(board)
        provision(board, cloud, DN)
        board.write_slot(0, images["1.0.0"])
        board.power_on()
        first = act_one(board, cloud, images["1.1.0"])
        second = act_two(board, cloud, images["1.2.0"])
        third = act_three(board, cloud, images["1.1.1"], images["1.1.0"])
        good = first and second and third and not cloud.violations
        board.power_cut()
        recorded(cloud)
    return good


def main() -> int:
    """Play the acts; 0 when all ended as told."""
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog="make demo",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--full-speed", action="store_true", help="do not pace the downloads")
    parser.add_argument("--keep", metavar="DIR", help="leave flash file and images in this folder")
    parser.add_argument("--fleet", action="store_true", help="a rollout over many boards")
    parser.add_argument(
        "--boards",
        type=int,
        default=fleet.BOARDS,
        metavar="N",
        help=f"of the fleet: {fleet.BOARDS}, or {fleet.BOARDS_MIN} and more",
    )
    options = parser.parse_args()
    if options.boards < fleet.BOARDS_MIN:
        parser.error(f"--boards {options.boards}: phases need {fleet.BOARDS_MIN} and more")
    folder = Path(options.keep or tempfile.mkdtemp(prefix="alink-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit("demo: stopped"))
    began = time.monotonic()
    try:
        if options.fleet:
            good = fleet.play(folder, options.boards, out)
        else:
            good = one_board(folder, full_speed=options.full_speed)
    except Refused as exc:
        sys.exit(f"demo: {exc}")
    except KeyboardInterrupt:
        sys.exit("demo: stopped")
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    out.rule()
    verdict = "all acts ended as told" if good else "NOT as told"
    out.print(f"{verdict}; {time.monotonic() - began:.1f} s")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
