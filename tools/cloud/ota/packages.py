"""Which boards cannot take a package (.alp), as far as their releases are known here.

An image may go without the code for packages (image.py build --without packages). Which image a
board runs is told by the version that it reports, if that was offered here.
"""

from __future__ import annotations

from pathlib import Path

from tools.cli import Refused
from tools.cloud import kept_files
from tools.cloud.identity import Identity
from tools.cloud.ota.tasks import DEFAULT_MODULE
from tools.cloud.store import CloudStore, Release


def image_of(files: Path, release: Release) -> bytes:
    """What a device has in its slot with this release. Raises Refused."""
    from tools.release import is_package, unpack  # slow to load

    kept_files.check(files, release.version, release.files[0])
    data = (files / release.sha256).read_bytes()
    return unpack(data) if is_package(data) else data


def is_made_from(files: Path, release: Release, size: int, sha256: bytes) -> bool:
    """Whether a slot holds an image of this size and digest with the release."""
    from tools.release import is_package, read_head  # slow to load

    if release.further:
        return False
    head = b""
    if (files / release.sha256).is_file():
        with (files / release.sha256).open("rb") as file:
            head = file.read(80)
    try:
        if is_package(head):
            stated = read_head(head)
            return (stated.size, stated.sha256) == (size, sha256)
    except Refused:
        return False
    return (release.size, bytes.fromhex(release.sha256)) == (size, sha256)


def check_source(files: Path, release: Release) -> None:
    """Raise Refused when boards that run this release cannot take packages."""
    if not _takes(files, release):
        raise Refused(
            f"{release.version} was built without packages, so its boards can take no difference",
            "Offer the whole image alone: they get it anyway. A later release that is built "
            "--with packages can take one.",
        )


def check_device(store: CloudStore, files: Path, identity: Identity, release: Release) -> None:
    """Raise Refused when the device runs a release that cannot take what is offered, a package."""
    from tools.release import is_package  # slow to load

    if release.module != DEFAULT_MODULE or release.further:
        return
    with (files / release.sha256).open("rb") as file:
        if not is_package(file.read(80)):
            return
    runs = store.version(identity, release.module)
    found = store.release(release.product_key, release.module, runs) if runs else None
    if found is not None and not _takes(files, found):
        raise Refused(
            f"{identity} runs {runs}, which was built without packages, and {release.version} is "
            "offered as one",
            "Offer the image itself, as image.py build has made it, under a version of its own.",
        )


def _takes(files: Path, release: Release) -> bool:
    """False where it is certain that boards which run this release take no package."""
    from tools.release import image_takes_packages  # slow to load

    return bool(release.further) or image_takes_packages(image_of(files, release)) is not False
