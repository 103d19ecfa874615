"""What must hold after a power cut, judged from flash and from what the cloud recorded alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from host_tests.long.powercut.recording import BLOCK, Recording
from tools.chip import otadata, table
from tools.sim.boot import Boot
from tools.sim.device.simchip import nvsstore
from tools.sim.tape import Taped

MAY_COST = 65536  # bytes of a download that one power cut may cost
WRITABLE = ("nvs", "otadata")  # and the slot that the update goes to

# Keys of the update's journal that must not outlive it: with these the next start would act.
JOURNAL = "alink_ota"
PASSING = ("trial", "fell", "alone", "alone_n")


Stored = dict[tuple[str, str], int | bytes]  # of NVS, by namespace and key


class Image:
    """A whole flash (bytes) by its partitions."""

    def __init__(self, flash: bytes | bytearray, entries: list[table.Entry]) -> None:
        self._flash, self._entries = flash, entries

    def entry(self, label: str) -> table.Entry:
        """Where the partition `label` is."""
        return table.find(self._entries, None, None, label)[0]

    def partition(self, label: str) -> bytes:
        """Content of the partition `label`."""
        entry = self.entry(label)
        return bytes(self._flash[entry.address : entry.address + entry.size])

    def outside(self, labels: Iterable[str]) -> bytearray:
        """Everything but these partitions, which read as zeros."""
        flash = bytearray(self._flash)
        for label in labels:
            entry = self.entry(label)
            flash[entry.address : entry.address + entry.size] = bytes(entry.size)
        return flash

    def chosen(self) -> otadata.SelectEntry | None:
        """The otadata entry that the boot ROM goes by, or None."""
        raw = self.partition("otadata")
        found = [otadata.decode(raw[at : at + otadata.SIZE]) for at in (0, BLOCK)]
        index = otadata.active(found)
        return found[index] if index >= 0 else None

    def confirmed(self) -> int | None:
        """The slot that is chosen and confirmed, if one is."""
        entry = self.chosen()
        good = entry is not None and entry.state == otadata.VALID
        return entry.slot(2) if entry is not None and good else None

    def nvs(self) -> Stored:
        """Everything stored, by namespace and key."""
        store = nvsstore.NvsLog(_Bytes(self.partition("nvs")), len(self.partition("nvs")))
        return {pair: store.get(*pair) for pair in store.keys()}  # noqa: SIM118


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]

    def erase(self, offset: int) -> None:
        raise AssertionError("the oracle only looks")

    def program(self, offset: int, data: bytes) -> None:
        raise AssertionError("the oracle only looks")


def missing(recording: Recording, flash: Image) -> int:
    """Bytes of the new image that are not in the new slot, counted from the first wrong block.

    A package comes again from its first byte; what is right of the image is not written again.
    """
    if recording.package:
        return len(recording.package)
    slot = flash.partition(f"ota_{recording.slot_new}")
    at = 0
    while at < len(recording.new) and slot[at : at + BLOCK].startswith(
        recording.new[at : at + BLOCK]
    ):
        at += BLOCK
    return max(len(recording.new) - at, 0)


def at_the_cut(recording: Recording, flash: Image, task: str) -> Iterator[str]:
    """What is wrong at the very moment of a cut; task: its state at the cloud."""
    if flash.confirmed() == recording.slot_new and task != "SUCCEEDED":
        yield f"the new version is confirmed while the task is {task}"
    if task in ("FAILED", "CANCELED"):
        yield f"the task is {task} although nothing has failed"


def while_it_ran(
    recording: Recording, boots: list[Boot], ops: list[Taped], reported: float | None
) -> Iterator[str]:
    """What is wrong in the course of a recovery.

    reported: when the cloud was told the new version (seconds since 1970), None for never.
    """
    for boot in boots:
        where = f"boot {boot.number}"
        if boot.slot is None:
            if boot.ended != "power":  # else the cut came while the boot ROM was at it
                yield f"{where}: the boot ROM found no valid image: {'; '.join(boot.log)}"
            continue
        if boot.slot == recording.slot_new:
            index = otadata.active(boot.otadata_after)
            if index < 0 or boot.otadata_after[index].slot(2) != boot.slot:
                yield f"{where}: the new version ran without an otadata entry, so without a trial"
        if boot.ended not in (None, "reset", "power"):
            why = boot.text or boot.exception or ""
            yield f"{where} of slot {boot.slot} ended by {boot.ended} {why}".rstrip()
    allowed = (*WRITABLE, f"ota_{recording.slot_new}")
    for op in ops:
        if op.partition not in allowed:
            yield f"{op.kind} at {op.address:#x} ({op.partition or 'no partition'})"
        if op.partition == "otadata" and op.kind == "program" and op.length >= otadata.SIZE:
            entry = otadata.decode(op.data)
            new = entry.usable() and entry.slot(2) == recording.slot_new
            early = reported is None or op.time < reported
            if new and entry.state == otadata.VALID and early:
                yield "the new version was confirmed before the cloud had heard of it"


def at_rest(recording: Recording, flash: Image, running: int | None) -> bool:
    """Whether the board has nothing more to do; running: the slot that runs."""
    if running != recording.slot_new or flash.confirmed() != recording.slot_new:
        return False
    left = flash.nvs()
    return not any((JOURNAL, key) in left for key in PASSING)


def at_the_end(recording: Recording, after: Image, task: str) -> Iterator[str]:
    """What is wrong when the board has come to rest (it is off)."""
    before = Image(recording.flash, recording.entries)
    if task != "SUCCEEDED":
        yield f"the task ended {task}"
    entry = after.chosen()
    if after.confirmed() != recording.slot_new:
        yield f"the new version is not confirmed: otadata has {entry!r}"
    if not after.partition(f"ota_{recording.slot_new}").startswith(recording.new):
        yield "the new slot does not hold the new image"
    changing = (*WRITABLE, f"ota_{recording.slot_new}")
    if after.outside(changing) != before.outside(changing):
        yield "something outside NVS, otadata and the new slot was written"
    now = after.nvs()
    yield from settings_lost(before.nvs(), now)
    for key in PASSING:
        if (JOURNAL, key) in now:
            yield f"the journal's {key} outlives the update"


def settings_lost(kept: Stored, now: Stored) -> Iterator[str]:
    """What of the owner's settings is not as it was."""
    for pair in kept:
        if pair[0] != JOURNAL and now.get(pair) != kept[pair]:
            yield f"the owner's setting {pair[1]} was lost or changed"


def cost(again: int) -> Iterator[str]:
    """What is wrong with `again` bytes being fetched that flash had when the power went."""
    if again > MAY_COST:
        yield f"{again} bytes were fetched again; a power cut may cost {MAY_COST}"
