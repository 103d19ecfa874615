"""Files of packages, in the folder `files` under their SHA-256: what to say of a lost one."""

from __future__ import annotations

from pathlib import Path

from tools.cli import Refused
from tools.cloud.store import PackageFile, Release


def check_all(files: Path, release: Release) -> None:
    """Raise Refused for a release of which a file has gone."""
    for file in release.downloads:
        check(files, release.version, file)


def check(files: Path, version: str, file: PackageFile) -> None:
    """Raise Refused when this file of a version has gone."""
    if not (files / file.sha256).is_file():
        raise gone(files, version, file)


def gone(files: Path, version: str, file: PackageFile) -> Refused:
    """That it has, and how to bring it back."""
    return Refused(
        f"{file.name} of {version} is gone from {files}, where it was kept as {file.sha256}: no "
        "device could get it",
        "Add it once more, of the same bytes: `release add` keeps it there again. Without them "
        "`release remove` takes the version away.",
    )
