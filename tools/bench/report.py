"""Figures, and the page they are published on."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "figures.md"

_HEAD = """# Figures

Written by `make bench`; do not edit. {when}, commit {commit}.
Host: {host}.
The board is the one of `tools/sim` (MicroPython's unix port, 64-bit, so objects are twice an
ESP32's), the platform is `tools/cloud` in a process of its own, both on the loopback interface of
one machine. Times say how much the package costs beside a bare loop, not how fast an ESP32 is.
Medians where a count is given.
"""


@dataclass(frozen=True)
class Figure:
    """One line of the table. `met` is None where no target was set, else whether it was met."""

    what: str
    value: str
    note: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class Picture:
    """A drawing (SVG) beside the page, by the measurement; `says` is for who cannot see it."""

    name: str
    says: str
    drawing: str


@dataclass(frozen=True)
class Section:
    """What one measurement found, and the command that measures just this."""

    name: str
    title: str
    figures: Sequence[Figure]
    about: str = ""
    picture: Picture | None = None

    @property
    def command(self) -> str:
        """The command that produces these figures."""
        return f"make bench ONLY={self.name}"


def target(figure: Figure, met: bool, wanted: str) -> Figure:
    """The figure with its target in the note."""
    note = f"target {wanted}: {'met' if met else 'MISSED'}"
    return Figure(figure.what, figure.value, "; ".join(filter(None, (figure.note, note))), met)


def write(sections: Sequence[Section]) -> None:
    """The page, and the pictures that it shows."""
    PAGE.parent.mkdir(exist_ok=True)
    for section in sections:
        if section.picture is not None:
            path = PAGE.parent / section.picture.name
            path.write_text(section.picture.drawing, encoding="utf-8")
    PAGE.write_text(page(sections), encoding="utf-8")


def page(sections: Iterable[Section]) -> str:
    """The whole page, Markdown."""
    text = [
        _HEAD.format(
            when=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            commit=_commit(),
            host=_host(),
        )
    ]
    text.append("| figure | value | note | command |\n|---|---|---|---|")
    found = list(sections)
    for section in found:
        for figure in section.figures:
            cells = (f"{section.title}: {figure.what}", figure.value, figure.note)
            text.append(
                "| "
                + " | ".join((*(_cell(cell) for cell in cells), f"`{section.command}`"))
                + " |"
            )
    text.append("")
    text.append("## How each was measured\n")
    for section in found:
        text.append(f"**{section.title}** (`{section.command}`). {section.about}\n")
        if section.picture is not None:
            text.append(f"![{section.picture.says}]({section.picture.name})\n")
    return "\n".join(text).rstrip() + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _commit() -> str:
    def git(*words: str) -> str:
        command = ["git", "-C", str(ROOT), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    try:
        name = git("rev-parse", "--short", "HEAD")
        changed = git("status", "--porcelain", "--", "micropython", "tools")
    except OSError:
        return "unknown"
    return (name or "unknown") + (" with changes" if changed else "")


def _host() -> str:
    model = platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass  # not Linux: the machine's kind has to do
    return f"{os.cpu_count()} x {model}, {platform.system()}, Python {platform.python_version()}"
