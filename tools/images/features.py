"""What of the alink package an application can do without, and whether it does.

Flash in a slot is short: what an application never uses need not be in its image. A board that
needs a part that was left out says so (E-number and name), and goes on without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tools.cli import Refused


@dataclass(frozen=True)
class Feature:
    """A part that can be left out.

    what: one phrase. paths: how the paths of its files begin, within the package. used: what the
    sources of an application that needs it say somewhere. by_default: it is packed all the same,
    since the platform or a setting on the board asks for it, not the application. inner: the same
    as paths, of files that nothing asks for before it has those; so they need no names by which to
    tell that they are missing.
    """

    what: str
    paths: tuple[str, ...]
    used: re.Pattern[bytes]
    by_default: bool = False
    inner: tuple[str, ...] = ()


FEATURES = {
    "asyncio": Feature("the task for asyncio", ("aio.py",), re.compile(rb"\baio\b")),
    "files": Feature(
        "modules that are sets of files", ("files/",), re.compile(rb"FilesTarget|alink.files")
    ),
    "registration": Feature(
        "boards that register themselves",
        ("registration.py", "signin/registration.py"),
        # setup.device() registers a board whose settings say so.
        re.compile(rb"\bregistration\b|\bproduct_secret\b|\bsetup\b"),
    ),
    "sources": Feature(
        "base classes for a source of your own",
        ("job/http.py", "job/download.py"),
        re.compile(rb"HttpSource|alink\.job|import job\b"),
    ),
    "blocks": Feature(
        "downloads over MQTT",
        ("job/mqtt.py",),
        re.compile(rb"\bblock_size\b"),
        by_default=True,
        inner=("job/blocks",),
    ),
    "packages": Feature(
        "releases that come compressed, or as a difference",
        ("job/package.py",),
        re.compile(rb"(?!)"),  # the platform's matter alone
        by_default=True,
        inner=(
            "job/add.",
            "job/aside.",
            "job/origin.",
            "job/package_bad.",
            "job/packed.",
            "job/packed_last.",
            "job/unpack.",
        ),
    ),
    "signature": Feature(
        "signed packages", ("job/signature.py",), re.compile(rb"\bsign_key\b"), by_default=True
    ),
}


def used(sources: Iterable[bytes]) -> set[str]:
    """The features that an application with these files (Python, source or .mpy) mentions."""
    found = set()
    for source in sources:
        found |= {name for name, feature in FEATURES.items() if feature.used.search(source)}
    return found


def packed(mentioned: set[str], keep: Iterable[str] = (), leave: Iterable[str] = ()) -> set[str]:
    """The features of an image: what is mentioned and what is packed by default; keep and leave
    are what a person said. Raises Refused for what is in both."""
    keep, leave = set(keep), set(leave)
    both = ", ".join(sorted(keep & leave))
    if both:
        raise Refused(f"{both} is to be kept and to be left out", "Give it once.")
    default = {name for name, feature in FEATURES.items() if feature.by_default}
    return (default | mentioned | keep) - leave


def left_out(path: str, features: Iterable[str]) -> bool:
    """Whether a file of the package ("job/signature.py") is of a feature that is not packed."""
    return any(
        path.startswith(place)
        for name, feature in FEATURES.items()
        if name not in features
        for place in feature.paths + feature.inner
    )


def keeps_name(path: str) -> bool:
    """Whether a file has the same name in an image: what asks for it tells if it is left out."""
    return any(path.startswith(feature.paths) for feature in FEATURES.values())


def takes_packages(files: Iterable[str]) -> bool | None:
    """Whether a board with these files (paths on the volume) takes packages; None where nobody
    can tell: alink is frozen into its firmware, or there is none."""
    paths = [path for path in files if path.startswith("/alink/")]
    return "/alink/job/package.mpy" in paths if paths else None


def told(mentioned: set[str], features: set[str]) -> list[str]:
    """What a person should know of it: lines without a full stop."""
    out = sorted(set(FEATURES) - features)
    if not out:
        return []
    names = ",".join(out)
    lines = [
        f"without: {', '.join(f'{FEATURES[name].what} ({name})' for name in out)}; "
        f"--with {names} keeps {'it' if len(out) == 1 else 'them'}"
    ]
    lines += [
        f"warning: the application mentions {name}, and it IS LEFT OUT"
        for name in out
        if name in mentioned
    ]
    return lines
