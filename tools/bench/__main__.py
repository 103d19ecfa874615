"""make bench: measure everything that is published, and write docs/figures.md.

make bench                    everything; writes the page
make bench ONLY=throughput    one section (or several, separated by blanks), printed only
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from tools.bench import (
    chip,
    fleet,
    latency,
    memory,
    modules,
    mqtt,
    packed,
    report,
    sessions,
    throughput,
    traffic,
)
from tools.bench.desk import Say
from tools.bench.report import Figure, Section

MEASUREMENTS: dict[str, Callable[[Say], Section]] = {
    "throughput": throughput.measure,
    "allocated": memory.allocated,
    "heap": memory.smallest,
    "mqtt": mqtt.measure,
    "packed": packed.measure,
    "modules": modules.measure,
    "chip": chip.measure,
    "boot": latency.first_line,
    "poll": latency.polls,
    "traffic": traffic.measure,
    "resume": traffic.resume,
    "fleet": fleet.measure,
    "sessions": sessions.measure,
}

UNMEASURED = "could not be measured"

out = Console(highlight=False, soft_wrap=True)


def show(section: Section) -> None:
    """One section on the console."""
    table = Table(title=section.title, title_justify="left")
    for name in ("figure", "value", "note"):
        table.add_column(name, overflow="fold")
    for figure in section.figures:
        style = "red" if figure.met is False else ""
        table.add_row(figure.what, figure.value, figure.note, style=style)
    out.print(table)


def _measured(name: str) -> Section:
    # One that cannot be measured must not cost the page the others.
    try:
        return MEASUREMENTS[name](lambda text: out.print(f"[dim]{text}"))
    except Exception as exc:
        out.print_exception()
        why = f"{type(exc).__name__}: {exc}".splitlines()[0]
        return Section(name, name, [Figure(UNMEASURED, "-", why)])


def main() -> int:
    """Measure and write; 0 when everything could be measured, whatever came of it."""
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog="make bench",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("only", nargs="*", metavar="SECTION", help=", ".join(MEASUREMENTS))
    options = parser.parse_args()
    unknown = [name for name in options.only if name not in MEASUREMENTS]
    if unknown:
        parser.error(f"no section {unknown[0]!r}: there are {', '.join(MEASUREMENTS)}")
    began = time.monotonic()
    sections = []
    for name in options.only or MEASUREMENTS:
        section = _measured(name)
        show(section)
        sections.append(section)
    if options.only:
        out.print("printed only: a whole run writes the page")
    else:
        report.write(sections)
        out.print(f"written: {report.PAGE.relative_to(report.ROOT)}")
    missed = sum(figure.met is False for section in sections for figure in section.figures)
    out.print(f"{missed} targets missed; {time.monotonic() - began:.0f} s")
    failed = [one.name for one in sections if one.figures[0].what == UNMEASURED]
    if failed:
        out.print(f"[red]could not be measured: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
