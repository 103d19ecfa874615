"""What must hold after a power cut while a set of files is updated; the same calls as oracle.py.

The files are read with littlefs-python, another program than the board's, out of the flash alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from littlefs import LittleFSError

from host_tests.long.powercut import sets
from host_tests.long.powercut.oracle import Image, settings_lost
from host_tests.long.powercut.recording import UPDATES, Recording
from tools.chip import table
from tools.sim import vfs
from tools.sim.boot import Boot
from tools.sim.flash import Flash
from tools.sim.tape import Taped

WRITABLE = ("nvs", "vfs")


def content(flash: Image) -> dict[str, bytes]:
    """Every file of the board's own file system. Raises ValueError when it does not mount."""
    entry = flash.entry("vfs")
    with tempfile.TemporaryDirectory(prefix="powercut-") as folder:
        path = Path(folder) / "flash"
        path.write_bytes(flash.partition("vfs"))
        image = Flash(path)
        try:
            whole = table.Entry(entry.type, entry.subtype, 0, entry.size, entry.label, entry.flags)
            with vfs.mounted(image, whole) as fs:
                found = {}
                for root, _, names in fs.walk("/"):
                    for name in names:
                        full = f"{root.rstrip('/')}/{name}"
                        with fs.open(full, "rb") as file:
                            found[full] = bytes(file.read())
                return found
        except LittleFSError as e:
            raise ValueError(f"the file system cannot be read: {e}") from None
        finally:
            image.close()


def current(found: dict[str, bytes]) -> tuple[str, dict[str, bytes]]:
    """(version, files) of the set that the board would use: what `current` names."""
    side, _, version = found.get(f"{sets.FOLDER}/current", b"").decode().strip().partition(" ")
    return version, below(found, side)


def below(found: dict[str, bytes], side: str) -> dict[str, bytes]:
    """The files of one of the two directories, by their paths in it."""
    root = f"{sets.FOLDER}/{side}/"
    return {path.removeprefix(root): found[path] for path in found if path.startswith(root)}


def _whole(flash: Image, versions: tuple[str, ...]) -> Iterator[str]:
    try:
        version, files = current(content(flash))
    except ValueError as e:
        yield str(e)
        return
    if version not in versions:
        yield f"the current version is {version!r}"
    elif files != sets.files(version):
        yield f"the set {version} is not whole, or mixed with another"


def at_the_cut(recording: Recording, flash: Image, task: str) -> Iterator[str]:
    """What is wrong at the very moment of a cut; task: its state at the cloud."""
    old, new, _ = UPDATES[recording.name]
    yield from _whole(flash, (new,) if task == "SUCCEEDED" else (old, new))
    if task in ("FAILED", "CANCELED"):
        yield f"the task is {task} although nothing has failed"


def while_it_ran(
    recording: Recording, boots: list[Boot], ops: list[Taped], reported: float | None
) -> Iterator[str]:
    """What is wrong in the course of a recovery."""
    for boot in boots:
        if boot.slot != recording.slot_old and boot.ended != "power":
            yield f"boot {boot.number} of slot {boot.slot}"
        if boot.ended not in (None, "power"):
            yield f"boot {boot.number} ended by {boot.ended} {boot.text or boot.exception or ''}"
    for op in ops:
        if op.partition not in WRITABLE:
            yield f"{op.kind} at {op.address:#x} ({op.partition or 'no partition'})"
    if reported is None:
        yield "the cloud was never told the new version"


def at_rest(recording: Recording, flash: Image, running: int | None) -> bool:
    """Whether the board has nothing more to do: the version report is the last of all."""
    return running == recording.slot_old


def at_the_end(recording: Recording, after: Image, task: str) -> Iterator[str]:
    """What is wrong when the board has come to rest (it is off)."""
    if task != "SUCCEEDED":
        yield f"the task ended {task}"
    old, new, _ = UPDATES[recording.name]
    yield from _whole(after, (new,))
    before = Image(recording.flash, recording.entries)
    if after.outside(WRITABLE) != before.outside(WRITABLE):
        yield "something outside NVS and the file system was written"
    yield from settings_lost(before.nvs(), after.nvs())
    try:
        kept, now = content(before), content(after)
    except ValueError:
        return  # said above
    others = [path for path in {*kept, *now} if not path.startswith(f"{sets.FOLDER}/")]
    yield from (f"{path} was touched" for path in others if kept.get(path) != now.get(path))
    if sets.files(old) not in (below(now, "a"), below(now, "b")):
        yield "the old set is no longer there"


def missing(recording: Recording, flash: Image) -> int:
    """Bytes that have to be fetched: a set begins with its first byte."""
    return sum(len(body) for _, body in sets.package(recording.version))


def cost(again: int) -> Iterator[str]:
    """What is wrong with `again` bytes more than one whole package being fetched."""
    if again:
        yield f"{again} bytes were fetched twice without a power cut"
