"""What a file is, whether a board would take it, and what to do with it next."""

import re
from dataclasses import dataclass, field

from tools.chip.firmware import app_part, partition_table
from tools.chip.header import Image, parse_image, round_up
from tools.cli import Refused
from tools.images.application import files_intact, version_of
from tools.images.build import SLOT_SIZE, slot_needed
from tools.images.oldest_firmware import age_warning, newer_advice, too_old
from tools.images.volume import Volume, find_volume, read_files

_FIRMWARE = re.compile(rb"v\d+\.\d+[0-9A-Za-z.-]* on \d{4}-\d\d-\d\d")

MERGED = "merged firmware file (bootloader, partition table and app)"
APP = "app image"
APP_WITH_APPLICATION = "app image with application"
BOOTLOADER = "bootloader image"
OTHER = "not an ESP32 image"
# (No option is named: each command that asks has others.)
_GET_AGAIN = (
    "Get it again and compare its size, or look whether it is the file you mean: what image.py "
    "build has made, or the .bin or .app-bin of your board from micropython.org/download."
)


@dataclass(frozen=True)
class Report:
    """Everything `inspect` tells. `problems` is empty exactly when the file is sound.

    Sizes in bytes; `slot_needed` is 0 where there is nothing to put into a slot; `files` maps each
    path of the application's volume to its size and `files_ok` tells whether they are those that
    were built (None: not stated); `firmware` is MicroPython's own version text; `warning` is of
    one that is too old for alink, or does not say.
    """

    kind: str
    size: int
    image: Image
    volume: Volume | None = None
    version: str | None = None
    files: dict[str, int] = field(default_factory=dict)
    files_ok: bool | None = None
    firmware: str | None = None
    slot_needed: int = 0
    problems: tuple[str, ...] = ()
    warning: str = ""
    advice: str = ""

    def as_json(self) -> dict[str, object]:
        """The same for a program: names in snake_case, numbers as numbers, null for unknown."""
        return {
            "kind": self.kind,
            "size": self.size,
            "chip": self.image.chip,
            "chip_id": self.image.chip_id if self.image.chip_id >= 0 else None,
            "segments": [{"address": s.address, "size": s.size} for s in self.image.segments],
            "image_size": self.image.end or None,
            "checksum_valid": self.image.checksum_ok,
            "hash_valid": self.image.hash_ok,
            "firmware": self.firmware,
            "version": self.version,
            "files": self.files,
            "files_valid": self.files_ok,
            "volume": self.volume and vars(self.volume),
            "slot_needed": self.slot_needed or None,
            "problems": list(self.problems),
            "warning": self.warning or None,
            "advice": self.advice,
        }


def examine(data: bytes) -> Report:
    """Look at a file's content. Never raises for bad content: see Report.problems."""
    merged = partition_table(data) is not None
    try:
        part = app_part(data)
    except Refused as exc:
        return Report(MERGED, len(data), Image(), problems=(exc.cause,), advice=_GET_AGAIN)
    image = parse_image(part)
    problems = list(image.problems)
    text = _FIRMWARE.search(part)
    firmware = text.group().decode() if text else None
    if not image.segments:
        kind, advice = OTHER, _GET_AGAIN
        return Report(kind, len(data), image, problems=image.problems, advice=advice)
    if not image.has_app_descriptor:
        problems.append("no application in it: the app description is missing")
        return Report(BOOTLOADER, len(data), image, problems=tuple(problems), advice=_GET_AGAIN)
    volume = find_volume(part)
    files: dict[str, bytes] = {}
    read = volume is not None
    behind = part[round_up(image.end) :] if image.end else b""
    if volume is not None:
        try:
            files = read_files(behind)
        except Refused as exc:
            problems.append(exc.cause)
            read = False
        behind = behind[volume.size :]
    if behind.strip(b"\xff"):
        what = "the application's volume" if volume else "the image, and no application's volume"
        problems.append(f"{len(behind)} bytes stand behind {what}")
    version = version_of(files)
    intact = files_intact(files)
    if intact is False:
        problems.append("the application's files are not those that were built")
    if read and version is None:
        problems.append("the application has no version.py that states its version")
    size = image.end
    if volume is not None:
        size = volume.offset + volume.size
    kind = MERGED if merged else APP_WITH_APPLICATION if volume else APP
    return Report(
        kind=kind,
        size=len(data),
        image=image,
        volume=volume,
        version=version,
        files={path: len(content) for path, content in files.items()},
        files_ok=intact,
        firmware=firmware,
        slot_needed=slot_needed(size) if image.end else 0,
        problems=tuple(problems),
        warning=age_warning(firmware),
        advice=_advice(kind, problems, slot_needed(size), too_old(firmware)),
    )


def _advice(kind: str, problems: list[str], slot: int, old: bool) -> str:
    if problems:
        return "Do not put it on a board: download or build it again, and compare its size."
    if old:
        return (
            f"{newer_advice(kind != MERGED)} {_use(kind)}"
            if kind in (MERGED, APP)
            else newer_advice()
        )
    if slot > SLOT_SIZE:
        return f"It needs a larger slot than {SLOT_SIZE} bytes: use another partition table."
    return _use(kind)


def _use(kind: str) -> str:
    if kind == MERGED:
        return (
            "A board cannot download this form. Make an image of it: "
            "image.py build --firmware THIS --app FOLDER --version 1.0.0 -o OUT."
        )
    if kind == APP:
        return (
            "It carries no application of yours: image.py build --firmware THIS --app FOLDER "
            "--version 1.0.0 -o OUT. With everything frozen in, release it as it is."
        )
    return "Release it: upload it to the platform under exactly this version."


def as_text(report: Report) -> str:
    """The report for a person, several lines."""
    image = report.image
    lines = [f"{report.kind}, {report.size} bytes"]
    if image.segments:
        lines.append(f"chip         {image.chip or f'unknown (id {image.chip_id})'}")
        lines += [f"segment      0x{s.address:08x}  {s.size:>9} bytes" for s in image.segments]
        lines.append(
            f"image end    {image.end} bytes" if image.end else "image end    not reached"
        )
        lines.append(f"checksum     {_valid(image.checksum_ok)}")
        lines.append(f"SHA-256      {_valid(image.hash_ok)}")
    if report.firmware:
        lines.append(f"MicroPython  {report.firmware}")
    if report.volume:
        v = report.volume
        lines.append(
            f"volume       {v.size} bytes at {v.offset} ({v.block_count} x {v.block_size})"
        )
        lines.append(f"version      {report.version or 'unknown'}")
        lines.append(f"files        {_valid(report.files_ok)}")
        lines += [f"file         {size:>9}  {path}" for path, size in report.files.items()]
    if report.slot_needed:
        lines.append(f"slot needed  {report.slot_needed} bytes (0x{report.slot_needed:x})")
    lines += ending(report.problems, report.advice, report.warning)
    return "\n".join(lines)


def ending(problems: tuple[str, ...], advice: str, warning: str = "") -> list[str]:
    """How a report of an image, a package or an archive ends, in lines for a person."""
    warned = [f"WARNING      {warning}"] if warning else []
    return [*warned, *(f"PROBLEM      {one}" for one in problems), f"next         {advice}"]


def _valid(ok: bool | None) -> str:
    return "not stated" if ok is None else "valid" if ok else "INVALID"
