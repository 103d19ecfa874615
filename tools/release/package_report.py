"""What a package is, what it would save, and whether a board would take it."""

from __future__ import annotations

from dataclasses import dataclass

from tools.chip.nor import SECTOR
from tools.images.oldest_firmware import too_old
from tools.images.report import Report, ending
from tools.release.pack import blocks, blocks_that_differ, check_image
from tools.release.package_format import COMPRESSED, Head, PackageError, read_head
from tools.release.unpacking import unpack, walk

_UNCHECKED = "not checked without its source: what it makes, and the image's SHA-256"


def percent(part: int, whole: int) -> str:
    """A share as people read it, "16.1 %"; "0.0 %" is less than a twentieth of one."""
    return f"{100 * part / whole:.1f} %"


@dataclass(frozen=True)
class PackageReport:
    """Everything `inspect` tells of a package. `problems` is empty exactly when none was found.

    `image` is the report of what it unpacks to, None where it was not unpacked: a difference
    without its source, of which only the stream and its operations were checked. `differ` counts
    the flash blocks that are not what the source has there.
    """

    size: int
    head: Head | None
    image: Report | None = None
    source: Report | None = None
    differ: int | None = None
    problems: tuple[str, ...] = ()
    advice: str = ""

    @property
    def warning(self) -> str:
        """What is to be said of the firmware in it, as of an image."""
        return self.image.warning if self.image else ""

    def as_json(self) -> dict[str, object]:
        """The same for a program: names in snake_case, numbers as numbers, null for unknown."""
        head, sound = self.head, not self.problems
        source = head if head is not None and head.kind != COMPRESSED else None
        return {
            "kind": "package",
            "size": self.size,
            "package": head and _kind(head),
            "window_bits": head and head.window,
            "image_size": head and head.size,
            "image_sha256": head and head.sha256.hex(),
            "source_size": source and source.source_size,
            "source_sha256": source and source.source_sha256.hex(),
            "share": round(self.size / head.size, 6) if head and sound else None,
            "saved": head.size - self.size if head and sound else None,
            "blocks": head and -(-head.size // SECTOR),
            "blocks_that_differ": self.differ,
            "version": self.image.version if self.image else None,
            "chip": self.image.image.chip if self.image else None,
            "source_version": self.source.version if self.source else None,
            "unpacked": self.image is not None,
            "problems": list(self.problems),
            "warning": self.warning or None,
            "advice": self.advice,
        }


def examine_package(data: bytes, source: bytes | None = None) -> PackageReport:
    """Look at a package, and at what it unpacks to where that can be done.

    Never raises for bad content: see PackageReport.problems.
    """
    head = None
    try:
        head = read_head(data)
        old = check_image(source, "the source") if source is not None else None
        if head.kind != COMPRESSED and source is None:
            walk(data)
            return PackageReport(
                len(data),
                head,
                advice="Give the image that it starts from, to see what it does: --from OLD.bin.",
            )
        image = unpack(data, source)
        report = check_image(image, "what it unpacks to")
        return PackageReport(
            len(data),
            head,
            report,
            old,
            None if source is None else blocks_that_differ(image, source),
            # (What is there to do with an image whose firmware is too old is said of it already.)
            advice=report.advice if too_old(report.firmware) else _next(head),
        )
    except PackageError as exc:
        return PackageReport(len(data), head, problems=(exc.cause,), advice=exc.advice)


def told(package: bytes, image: bytes, source: bytes | None = None) -> str:
    """The sizes in one line, for who has just made it."""
    line = f"{len(package):,} bytes, {percent(len(package), len(image))} of the image"
    if source is not None:
        differ = blocks_that_differ(image, source)
        line += f"; {differ:,} of {blocks(image):,} blocks differ"
    return line


def package_text(report: PackageReport) -> str:
    """The report for a person, several lines."""
    head = report.head
    lines = [f"package ({_kind(head)}), {report.size} bytes" if head else f"{report.size} bytes"]
    if head is not None:
        lines += [
            f"image        {head.size} bytes",
            f"SHA-256      {head.sha256.hex()}",
            f"window       {head.window} bits, {1 << head.window} bytes of a board's RAM",
        ]
        if head.kind != COMPRESSED:
            lines += [
                f"source       {head.source_size} bytes",
                f"SHA-256      {head.source_sha256.hex()} (of the source)",
            ]
        # (Of a broken one neither its size nor what its head says has to be true.)
        if not report.problems:
            lines.append(_saves(report.size, head.size))
    if report.image is not None:
        lines.append(f"chip         {report.image.image.chip}")
        if report.image.version:
            old = report.source and report.source.version
            lines.append(f"version      {report.image.version}" + (f", from {old}" if old else ""))
        lines.append("unpacks      to the image that its head states")
    elif head is not None and head.kind != COMPRESSED and not report.problems:
        lines.append(f"unpacks      {_UNCHECKED}")
    if report.differ is not None and head is not None:
        lines.append(f"blocks       {report.differ} of {-(-head.size // SECTOR)} differ")
    lines += ending(report.problems, report.advice, report.warning)
    return "\n".join(lines)


def _saves(size: int, whole: int) -> str:
    share = f"it is {percent(size, whole)} of the image"
    if size >= whole:
        return f"saves        nothing: {size - whole} bytes more than the image, {share}"
    return f"saves        {whole - size} bytes; {share}"


def _kind(head: Head) -> str:
    return "compressed image" if head.kind == COMPRESSED else "difference"


def _next(head: Head) -> str:
    if head.kind == COMPRESSED:
        return "Release it like an image: upload it to the platform under the image's version."
    return "Release it beside the full one: for boards that report the version of its source."
