"""Whether a file may be offered to boards as a version of their own software.

What no board could ever run is refused; what only looks odd may be meant: another maker's devices,
an application frozen into its firmware, a release that has to fail on the desk.
"""

from __future__ import annotations

from tools.chip.image import MAGIC
from tools.cli import Refused
from tools.images.features import takes_packages
from tools.images.report import APP, MERGED, OTHER, Report, examine
from tools.release.package_format import DIFFERENCE, is_package, read_head
from tools.release.unpacking import unpack


def check_offer(data: bytes, version: str, what: str, *, force: bool = False) -> str:
    """Raise Refused for a file that boards would not take, or not as `version`.

    With `force` only for what is certainly wrong. A warning comes back, or "".
    """
    if is_package(data):
        data = _unpacked(data, what)
    report = examine(data)
    if report.kind == MERGED:
        raise Refused(
            f"{what} is a merged firmware file (bootloader, partition table and app): it is for "
            "a cable, and no board can download it",
            report.advice,
        )
    # What begins as an image and does not go on as one is a download that broke off.
    odd = None if report.problems and data[:1] == bytes([MAGIC]) else _odd(report, version)
    if odd is None and report.problems:
        raise Refused(f"{what} is damaged: {report.problems[0]}", report.advice)
    if odd is not None and not force:
        cause, advice = odd
        raise Refused(f"{what} {cause}", f"{advice} If it is meant, add --force.")
    return report.warning


def image_takes_packages(image: bytes) -> bool | None:
    """Whether boards that run an image take packages; None where nobody can tell by the image."""
    return takes_packages(examine(image).files)


def _unpacked(data: bytes, what: str) -> bytes:
    try:
        if read_head(data).kind != DIFFERENCE:
            return unpack(data)
    except Refused as exc:
        raise Refused(f"{what}: {exc.cause}", exc.advice) from None
    raise Refused(
        f"{what} is a difference, and only boards that run one certain version can use it",
        "Offer it with --from, beside the version's own file.",
    )


def _odd(report: Report, version: str) -> tuple[str, str] | None:
    if report.kind == OTHER:
        return (
            "is no image that an ESP32 could start",
            "Name what image.py build has made, or the module that it is for (--module).",
        )
    if report.kind == APP:
        return (
            "is a firmware without an application",
            "Make one of it and your application with image.py build.",
        )
    if report.version not in (None, version):
        return (
            f"is version {report.version} inside, and that is what a board that runs it reports: "
            f"the task to {version} would fail",
            f"Offer it as {report.version}, or build it with --version {version}.",
        )
    return None
