"""One whole update, from the gate to the confirmation, in a form that any moment can be cut from.

Kept are the flash before it, every flash operation with its bytes and its time, and the cloud's
memory (versions, tasks) after each message that changed it, with the time when that message came.
The state that goes with operation k is the newest with an earlier time. That is a state the cloud
can have had when the power went: what the board sent later is not in it, and what it had an
acknowledgement of before the operation is, since a message is dated before it is acknowledged.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from host_tests.kit import alp
from host_tests.kit.images import make_image
from host_tests.kit.rig import PK, Rig, app
from host_tests.long.powercut import sets
from tools.chip import table
from tools.cloud import LocalCloud
from tools.cloud.identity import Identity
from tools.images import build_image
from tools.images.application import ALINK
from tools.sim import Board
from tools.sim.bootrom import load_table
from tools.sim.flash import Flash
from tools.sim.tape import Tape, Taped

# What is recorded: the versions from and to, and the slot that the update starts from. "first" is
# the first of a board's life (otadata is as it comes), "second" the one after it; in "worn" NVS is
# so full that the update's own entries make it move a page and erase it. In "files" the slot stays
# and a module that is a set of files is updated, for the third time: see sets.py. "in turn" and
# "alone" take the first update those ways; "delta" takes it as the difference to what runs.
UPDATES = {
    "first": ("1.0.0", "1.1.0", 0),
    "second": ("1.1.0", "1.2.0", 1),
    "worn": ("1.0.0", "1.1.0", 0),
    "files": ("f1", "f2", 0),
    "in turn": ("1.0.0", "1.1.0", 0),
    "alone": ("1.0.0", "1.1.0", 0),
    "delta": ("1.0.0", "1.1.0", 0),
}
_NVS_LEFT = 250  # bytes in the last page before the one that is kept free
WAYS = ("in turn", "alone")
TABLES = ("reported", "task", "event")
BLOCK = 4096
PORT_MODULE = "desk"  # on the board's path: the port of the cloud it is connected to today


def application(**parts: str) -> str:
    """The test application (parts: those of rig.app); its cloud's port comes from the desk.

    A recovery runs against another cloud than the recording did, and NVS is not to be changed.
    """
    parts["prologue"] = f"import {PORT_MODULE}\n" + parts.get("prologue", "")
    source = app(**parts)
    asked = 'settings.get_int("port")'
    if source.count(asked) != 1:
        raise ValueError(f"rig.APP no longer asks for {asked} once")
    return source.replace(asked, f"{PORT_MODULE}.PORT")


def desk(folder: Path, cloud: LocalCloud) -> dict[str, Any]:
    """Settings of Board with which application() finds `cloud`."""
    folder.mkdir(exist_ok=True)
    (folder / f"{PORT_MODULE}.py").write_text(f"PORT = {cloud.mqtts_port}\n")
    return {"mounts": {f"/{PORT_MODULE}": folder}, "python_path": [f"/{PORT_MODULE}"]}


@dataclass(frozen=True)
class CloudState:
    """The cloud's memory since `time` (seconds since 1970): rows of each of TABLES."""

    time: float
    rows: dict[str, list[list[Any]]] = field(repr=False)

    def task(self, version: str) -> str:
        """State of the latest task to `version` ("" without one); columns: see tools/cloud."""
        found = [str(row[7]) for row in self.rows["task"] if row[4] == version]
        return found[-1] if found else ""


@dataclass
class Recording:
    """An update from `old` to `new` (images) out of slot `slot_old` into slot `slot_new`.

    One of the files alone has no images, and its board stays in `slot_old`. `package` is what
    travelled in place of the image, if something did.
    """

    name: str
    folder: Path
    flash: bytes = field(repr=False)
    operations: list[Taped] = field(repr=False)
    states: list[CloudState] = field(repr=False)
    old: bytes = field(repr=False)
    new: bytes = field(repr=False)
    package: bytes = field(repr=False)
    slot_old: int
    slot_new: int
    entries: list[table.Entry] = field(repr=False)

    @property
    def version(self) -> str:
        """The version that the update brings."""
        return UPDATES[self.name][1]

    def state_at(self, op: int) -> CloudState:
        """What the cloud knew when the op-th operation (1 is the first) was about to happen."""
        when = self.operations[op - 1].time
        return [state for state in self.states if state.time <= when][-1]

    @staticmethod
    def load(folder: Path) -> Recording:
        """A recording from its folder. Raises OSError when there is none."""
        folder = folder.resolve()
        name = (folder / "update").read_text()
        flash = Flash(folder / "start.bin")
        entries = load_table(flash)
        flash.close()
        slot_old = UPDATES[name][2]
        package = folder / "package.bin"
        return Recording(
            name=name,
            folder=folder,
            flash=(folder / "start.bin").read_bytes(),
            operations=list(Tape(folder / "tape").read(entries)),
            states=[CloudState(*pair) for pair in json.loads((folder / "states").read_text())],
            old=(folder / "old.bin").read_bytes(),
            new=(folder / "new.bin").read_bytes(),
            package=package.read_bytes() if package.exists() else b"",
            slot_old=slot_old,
            slot_new=1 - slot_old,
            entries=entries,
        )


class _Watched:
    """Stands between the gateway and the OTA service and keeps the state after each message."""

    def __init__(self, cloud: LocalCloud) -> None:
        program = cloud._program
        self._inner, self._records = program.gateway.service, program.records
        self._file = program.folder / "cloud.sqlite"
        self.states: list[CloudState] = []
        self.keep(0.0)
        program.gateway.service = self

    def online(self, identity: Identity) -> None:
        assert self._inner is not None
        when = self._records.clock()
        self._inner.online(identity)
        self.keep(when)

    def subscribed(self, identity: Identity, topic: str) -> None:
        assert self._inner is not None
        when = self._records.clock()
        self._inner.subscribed(identity, topic)
        self.keep(when)

    def message(self, identity: Identity, topic: str, payload: bytes) -> None:
        assert self._inner is not None
        # The record of this very message: its time is from before the acknowledgement.
        when = self._records.messages[-1].time
        self._inner.message(identity, topic, payload)
        self.keep(when)

    def keep(self, when: float) -> None:
        rows = read_rows(self._file)
        if not self.states or rows != self.states[-1].rows:
            self.states.append(CloudState(when, rows))


def read_rows(file: Path) -> dict[str, list[list[Any]]]:
    """What a cloud's store remembers of TABLES."""
    with sqlite3.connect(file, timeout=10) as db:
        rows = {
            name: [list(row) for row in db.execute(f"select * from {name} order by rowid")]
            for name in TABLES
        }
    db.close()
    return rows


def write_rows(file: Path, rows: dict[str, list[list[Any]]]) -> None:
    """Make a cloud's store remember these rows, while it runs."""
    with sqlite3.connect(file, timeout=10) as db:
        for name in TABLES:
            db.execute(f"delete from {name}")
            for row in rows[name]:
                db.execute(f"insert into {name} values ({', '.join('?' * len(row))})", row)
    db.close()


def record(folder: Path, name: str, size: int, scratch: Path) -> Recording:
    """Play an update once and keep it in `folder`; `scratch` is an empty folder for the playing.

    name: one of UPDATES. size: bytes of the image's firmware part.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    old, new, slot_old = UPDATES[name]
    files = name == "files"
    images = {} if files else make_images(scratch, size, name)
    with Rig(scratch) as rig:
        rig.cloud.faults.connects_per_minute = None
        where = desk(scratch / "desk", rig.cloud)
        source = application(**sets.APPLICATION)
        first = rig.image("1.0.0", source, size) if files else images["1.0.0"]
        rig.board.write_slot(0, first)
        _with_board(rig, Board(rig.board.path, **where))
        if files:
            rig.board.power_on()
            for version in sets.EARLIER:
                rig.cloud.add_release(PK, version, sets.package(version), sets.MODULE)
                rig.push(version, module=sets.MODULE, force=True)
                settle_files(rig, version)
            rig.board.power_cut()
        elif name == "second":
            rig.board.power_on()
            rig.reports("1.0.0")
            rig.update("1.1.0", images["1.1.0"])
            settle(rig, "1.1.0", 1)
        elif name == "worn":
            fill_nvs(rig.board)
        # The job waits for the board, so that no state of the cloud goes without a message.
        if files:
            rig.cloud.add_release(PK, new, sets.package(new), sets.MODULE)
            rig.push(new, module=sets.MODULE)
        else:
            travels = images[new]
            if name == "delta":
                travels = alp.difference(images[new], images[old])
                (folder / "package.bin").write_bytes(travels)
            rig.release(new, travels)
            rig.push(new, isDiff=int(name == "delta"))
        shutil.copy(rig.board.path, folder / "start.bin")
        _with_board(rig, Board(rig.board.path, tape=folder / "tape", **where))
        watched = _watch(rig.cloud)
        rig.board.power_on()
        if files:
            settle_files(rig, new)
            rig.board.power_cut()
        else:
            settle(rig, new, 1 - slot_old)
    shutil.copytree(scratch / "cloud", folder / "cloud")
    (folder / "states").write_text(json.dumps([[s.time, s.rows] for s in watched.states]))
    (folder / "update").write_text(name)
    (folder / "old.bin").write_bytes(images.get(old, b""))
    (folder / "new.bin").write_bytes(images.get(new, b""))
    return Recording.load(folder)


def fill_nvs(board: Board) -> None:
    """Set a value again and again, as a program does for years, until NVS is about to compact."""
    full = board.partition("nvs").size - BLOCK - _NVS_LEFT
    count = 0
    while len(board.partition_bytes("nvs").rstrip(b"\xff")) < full:
        count += 1
        board.nvs_set("counter", "count", count)


def make_images(scratch: Path, size: int, name: str) -> dict[str, bytes]:
    """The images of three versions for the update `name`; no two have a flash block in common.

    Else a block that was never written could look as if it had been. Raises ValueError.
    """
    folder = scratch / "application"
    folder.mkdir()
    way = f"way={name!r}" if name in WAYS else ""
    (folder / "main.py").write_text(application(options=way))
    alink = _alink_of_the_desk(scratch / "package")
    images = {}
    for seed, version in enumerate(("1.0.0", "1.1.0", "1.2.0"), 1):
        # Moves the files of the volume to other places in each version.
        (folder / "a.bin").write_bytes(random.Random(seed).randbytes(seed * 1000))
        firmware = make_image(size, seed=seed)
        images[version] = build_image(firmware, folder, version, alink=alink)
    for one, other in itertools.combinations(images.values(), 2):
        for at in range(0, len(one), BLOCK):
            if one[at : at + BLOCK] == other[at : at + BLOCK]:
                raise ValueError(f"two images have the block at {at:#x} in common")
    return images


def _alink_of_the_desk(folder: Path) -> Path:
    """A copy of the package that, alone, finds its cloud as application() does."""
    shutil.copytree(ALINK, folder)
    setup = folder / "setup.py"
    text = setup.read_text()
    asked = 'settings.get_int("port") or None'
    if text.count(asked) != 1:
        raise ValueError(f"alink/setup.py no longer asks for {asked} once")
    setup.write_text(f"import {PORT_MODULE}\n" + text.replace(asked, f"{PORT_MODULE}.PORT"))
    return folder


def _with_board(rig: Rig, board: Board) -> None:
    rig.board.close()
    rig.board = board


def settle(rig: Rig, version: str, slot: int) -> None:
    """Wait until an update is over for cloud and board; the board is off afterwards."""
    rig.ends(version, "SUCCEEDED")
    rig.confirmed(slot)
    rig.says("is confirmed")
    rig.board.power_cut()


def settle_files(rig: Rig, version: str) -> None:
    """Wait until an update of the files is over for cloud and board, which stays on."""
    rig.ends(version, "SUCCEEDED")
    rig.says(f"files {version}\n")


def _watch(cloud: LocalCloud) -> _Watched:
    return _on_loop(cloud, lambda: _Watched(cloud))


def _on_loop(cloud: LocalCloud, make: Callable[[], _Watched]) -> _Watched:
    async def call() -> _Watched:
        return make()

    return asyncio.run_coroutine_threadsafe(call(), cloud._loop).result(10)
