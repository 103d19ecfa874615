"""make demo DEMO=--fleet: a good release reaches all boards, a bad one stops at its threshold.

Boards of the sim at the stand-in, driven by nothing but commands of `cloud --at desk`: publish,
verify, a rollout in phases. Ends with what the page, the commands and the boards say of it.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from tools import exit_codes
from tools.cli import Refused
from tools.cloud import LocalCloud
from tools.cloud.platform.rollout_lines import line
from tools.demo.boards import CRASH, PK, ROOT, confirmed, install_loader, provision
from tools.demo.command import Command
from tools.demo.seen import Seen, seen
from tools.dev import stock
from tools.images import build_image
from tools.sim import Board

BOARDS, BOARDS_MIN = 20, 4
FIRST, GOOD, BAD = "1.0.0", "1.1.0", "1.2.0"
FIRMWARE = 65536  # bytes: the demo's other acts have a real one, which twenty need not download
_GOOD_SLOT = 1
_HEAP_KIB = 512
_LIMIT_S = 300.0  # for whatever is waited for: a machine may be busy
_TERMS = f'product = "{PK}"\nversion = "%s"\nfailed-percent = 20\nenough-percent = 80\n'
GOOD_PLAN = f"""{_TERMS % GOOD}
[[phase]]
devices = 1
soak-min = 0.05

[[phase]]
percent = 50
soak-min = 0.05

[[phase]]
all = true
"""
# Whoever is in a hurry does not verify it, and begins with a quarter of the fleet.
BAD_PLAN = f"""{_TERMS % BAD}
[[phase]]
devices = %d

[[phase]]
all = true
"""


class DemoFleet:
    """Boards and a stand-in with a page, provisioned for each other. A context manager.

    `names` are the boards' device names; the first one is who a release is verified on.
    """

    def __init__(self, folder: Path, count: int, out: Console) -> None:
        self.folder = folder
        self.names = [f"fleet_{number:02}" for number in range(1, count + 1)]
        self.images = {
            version: self._image(version, CRASH if version == BAD else None)
            for version in (FIRST, GOOD, BAD)
        }
        self.cloud = LocalCloud(folder / "cloud", page_port=0)
        self.boards: dict[str, Board] = {}
        self.command = Command(out, self.cloud.folder)

    def __enter__(self) -> DemoFleet:
        return self

    def __exit__(self, *_: object) -> None:
        for board in self.boards.values():
            board.close()
        self.cloud.close()

    def _image(self, version: str, main: str | None) -> bytes:
        """The reference application, or another main.py, behind a small firmware."""
        app = self.folder / f"app-{version}"
        app.mkdir()
        reference = (ROOT / "micropython" / "main.py").read_text(encoding="utf-8")
        (app / "main.py").write_text(main or reference, encoding="utf-8")
        image = build_image(stock.synthetic_app(FIRMWARE), app, version)
        self.file(version).write_bytes(image)
        return image

    def file(self, version: str) -> Path:
        """The file of a release."""
        return self.folder / f"app-{version}.bin"

    def power_on(self) -> None:
        """Make the boards and wait until each has signed in and told its first version."""
        with Board.create(self.folder / "pattern.flash") as pattern:
            install_loader(pattern)
            pattern.write_slot(0, self.images[FIRST])
        for name in self.names:
            path = self.folder / f"{name}.flash"
            shutil.copyfile(pattern.path, path)
            self.boards[name] = Board(path, heap_kib=_HEAP_KIB)
            provision(self.boards[name], self.cloud, name)
            self.boards[name].power_on()
        self.wait(lambda: self.running(FIRST) == self.names, f"all boards to report {FIRST}")

    def running(self, version: str) -> list[str]:
        """The boards that are there and have reported this version last."""
        return [
            name
            for name in self.names
            if self.cloud.listens(PK, name) and self.cloud.version(PK, name) == version
        ]

    def told(self, version: str) -> list[str]:
        """The boards that were ever told to take this version."""
        pushed = {
            message.device.partition("/")[2]
            for message in self.cloud.messages
            if "/ota/device/upgrade/" in message.topic
            and json.loads(message.payload)["data"]["version"] == version
        }
        return sorted(pushed)

    def holds_good(self, name: str) -> bool:
        """Whether a board runs the good version, confirmed and byte for byte."""
        board, image = self.boards[name], self.images[GOOD]
        return (
            board.running_slot() == _GOOD_SLOT
            and confirmed(board, _GOOD_SLOT)
            and board.slot_bytes(_GOOD_SLOT)[: len(image)] == image
        )

    def fell_back(self, name: str) -> bool:
        """Whether a board has seen the bad version crash, and is back at the cloud with the good.

        The bad one ends before it has a connection: who is there is the good one.
        """
        crashed = CRASH.partition("'")[2].partition("'")[0] in self.boards[name].console_text()
        return crashed and self.holds_good(name) and self.cloud.listens(PK, name)

    def wait(self, happened: Callable[[], object], what: str) -> None:
        """Wait until it has happened; Refused, with a board's last words, when it does not."""
        try:
            self.cloud.wait_for(happened, _LIMIT_S, what)
        except Refused as exc:
            words = [f"{name}: {b.console_text()[-400:]}" for name, b in self.boards.items()]
            raise Refused(exc.cause, "\n".join([exc.advice, *words])) from None


def good_release(fleet: DemoFleet, out: Console) -> bool:
    """Published, verified on a board, then in phases to everybody."""
    out.rule(f"[bold]{GOOD}: published, verified on one board, rolled out in phases")
    canary, rest = fleet.names[0], len(fleet.names) - 1
    run = fleet.command.run
    (package,) = run("release", "publish", PK, GOOD, fleet.file(GOOD))
    out.print(f"package {package['name']}, {package['size']:,} bytes", markup=False)
    run("release", "verify", PK, GOOD, canary, heard=lambda said: _counted(out, said))
    plan = fleet.folder / "good.toml"
    plan.write_text(GOOD_PLAN, encoding="utf-8")
    began = time.monotonic()
    events = run("rollout", "run", plan, "--watch", heard=lambda event: _line(out, event))
    fleet.wait(lambda: all(map(fleet.holds_good, fleet.names)), f"{GOOD} to be confirmed")
    out.print(f"{rest} boards after {time.monotonic() - began:.1f} s, and all confirm {GOOD}")
    passed = [event["devices"] for event in events if event["event"] == "passed"]
    return (
        events[-1] == {"event": "done", "succeeded": rest, "devices": rest}
        and passed == [1, len(fleet.names) // 2 - 1, rest - len(fleet.names) // 2]
        and fleet.running(GOOD) == fleet.names
    )


def bad_release(fleet: DemoFleet, out: Console) -> bool:
    """Not verified, to a quarter at once: it crashes at its start, and the rollout stops."""
    out.rule(f"[bold]{BAD}, which crashes at its start: its threshold stops it")
    quarter = max(2, len(fleet.names) // 4)
    fleet.command.run("release", "publish", PK, BAD, fleet.file(BAD), "--no-verify")
    plan = fleet.folder / "bad.toml"
    plan.write_text(BAD_PLAN % quarter, encoding="utf-8")
    began = time.monotonic()
    events = fleet.command.run(
        "rollout",
        "run",
        plan,
        "--watch",
        code=exit_codes.STOPPED,
        heard=lambda event: _line(out, event),
    )
    out.print(f"exit code {exit_codes.STOPPED}: stopped after {time.monotonic() - began:.1f} s")
    told = fleet.told(BAD)
    fleet.wait(lambda: all(map(fleet.fell_back, told)), f"the boards to be back on {GOOD}")
    spared = len(fleet.names) - len(told)
    out.print(f"{len(told)} boards are back on {GOOD}, {spared} never heard of {BAD}")
    return (
        events[-1]["event"] == "stopped"
        and "devices failed, " in events[-1]["why"]  # by the threshold, and not for another reason
        and len(told) == quarter
        and len(events[-1]["failed"]) > quarter // 5  # 20 % of them
        and fleet.running(GOOD) == fleet.names
    )


def told_in_the_end(fleet: DemoFleet, out: Console) -> bool:
    """What the page and the commands say of it all."""
    out.rule("[bold]What is told in the end")
    told = fleet.told(BAD)
    failed = [task.device_name for task in fleet.cloud.tasks("FAILED")]
    run = fleet.command.run
    (devices,) = run("device", "list", PK)
    out.print(f"{sum(one['status'] == 'ONLINE' for one in devices)} of {len(devices)} online")
    counts = {version: _rolled_out(out, run, version) for version in (GOOD, BAD)}
    ended = {}
    for name in failed:
        (versions,) = run("device", "versions", PK, name)
        ended[name] = {one["module"]: one["version"] for one in versions}
        out.print(f"{name}: {ended[name]['default']}", markup=False)
    page = seen(fleet.cloud.page_url)
    summary = page["summary"]["summary"]
    out.print(f"the page: {summary}", markup=False)
    return (
        sorted(one["device"] for one in devices if one["status"] == "ONLINE") == fleet.names
        and counts[GOOD] == {"SUCCEEDED": len(fleet.names)}
        and set(counts[BAD]) <= {"FAILED", "CANCELED"}
        and counts[BAD]["FAILED"] == len(failed)
        and sum(counts[BAD].values()) == len(told)
        and set(failed) <= set(told)
        and all(versions == {"default": GOOD} for versions in ended.values())
        and _page_agrees(fleet, page, failed)
    )


def _rolled_out(out: Console, run: Callable[..., list[Any]], version: str) -> dict[str, int]:
    """State -> how many devices, of all batches of a version."""
    (batches,) = run("rollout", "list", PK, version)
    total: dict[str, int] = {}
    for batch in batches:
        out.print(f"{version}, {batch['kind']}: {batch['devices']}", markup=False)
        for state, count in batch["counts"].items():
            total[state] = total.get(state, 0) + count
    return total


def _page_agrees(fleet: DemoFleet, page: Seen, failed: list[str]) -> bool:
    count, devices = len(fleet.names), page["devices"]
    summary = f"{count} devices {count} online 0 rollouts running 0 updating {len(failed)} failed"
    fell = [name for name in fleet.names if f"from {BAD}" in devices[f"{PK}/{name}"]]
    bars = [text for text in page["rollouts"].values() if f" {BAD} " in f"{text} "]
    return (
        page["summary"]["summary"] == summary
        and len(devices) == count
        and all(f"TLS {GOOD}" in text for text in devices.values())
        and fell == sorted(failed)
        and all("trial-crashed" in devices[f"{PK}/{name}"] for name in fell)
        and any(f"{len(failed)} failed" in text for text in bars)
    )


def _counted(out: Console, said: dict[str, Any]) -> None:
    if "counts" in said:
        counts = ", ".join(f"{count} {state}" for state, count in said["counts"].items())
        out.print(f"  verification: {counts}", markup=False)


def _line(out: Console, event: dict[str, Any]) -> None:
    out.print(f"  {line(event)}", markup=False)


def play(folder: Path, count: int, out: Console) -> bool:
    """Both releases and what is told of them; whether all of it went as told. Raises Refused."""
    with contextlib.ExitStack() as stack:
        fleet = stack.enter_context(DemoFleet(folder, count, out))
        out.print(f"the page: {fleet.cloud.page_url}", markup=False)
        size = len(fleet.images[GOOD])
        out.print(f"{count} boards with {FIRST}; an image has {size:,} bytes")
        fleet.power_on()
        out.print("all have signed in")
        good = good_release(fleet, out) and bad_release(fleet, out)
        return good and told_in_the_end(fleet, out) and not fleet.cloud.violations
