"""`watch` on a terminal: the whole screen, with a filter; it follows by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static

from tools.cli import Refused
from tools.cloud.operator import status_report
from tools.cloud.operator.columns import Columns
from tools.cloud.operator.show import Row
from tools.cloud.printable import shown

PAUSE_S = 0.5
SHARE = 10  # a look is followed by a pause of so many times what it took, at least
_NOTES = 4
_KEYS = "↑ ↓ PgUp PgDn scroll   Tab next list   type or / filter   Esc no filter   q Ctrl-C quit"


class WatchApp(App[None]):
    """Devices, tasks and batches. `ask` gives a snapshot, or None while no server runs."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #summary, #filter, #keys { height: 1; padding: 0 1; border: none; }
    #keys { dock: bottom; background: $panel; }
    Columns { height: 1fr; border: round $panel; }
    Columns:focus { border: round $accent; }
    #batches { height: auto; max-height: 8; }
    #notes { height: auto; max-height: 4; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter"),
        Binding("escape", "everything", "No filter", priority=True),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", "Quit", priority=True),
    ]

    def __init__(self, ask: Callable[[], dict[str, Any] | None]) -> None:
        super().__init__()
        self._ask = ask
        self._lists: dict[str, list[Row]] = {}
        self.looks = 0

    def compose(self) -> ComposeResult:
        """What is on the screen, from above."""
        yield Static(id="summary", markup=False)
        yield Input(id="filter", placeholder="everything", select_on_focus=False)
        for name, heads in status_report.HEADS.items():
            yield Columns(name, heads)
        yield Static(id="notes", markup=False)
        yield Static(_KEYS, id="keys", markup=False)

    def on_mount(self) -> None:
        """Begin to follow."""
        self.query_one("#devices").focus()
        self.run_worker(self._follow())

    async def _follow(self) -> None:
        while True:
            began = time.monotonic()
            try:
                snapshot = await asyncio.to_thread(self._ask)
            except Refused:  # it is too busy to answer
                snapshot = None
            self._take(snapshot)
            self.looks += 1
            await asyncio.sleep(max(PAUSE_S, SHARE * (time.monotonic() - began)))

    def _take(self, snapshot: dict[str, Any] | None) -> None:
        summary = self.query_one("#summary", Static)
        if snapshot is None:
            summary.update("no server runs: waiting for it")
            return
        found = status_report.report(snapshot)
        self._lists = {
            name: status_report.short(name, found[name]) for name in status_report.HEADS
        }
        self._lists["tasks"].reverse()  # the newest first
        summary.update(shown(status_report.summary(found)))
        notes = snapshot.get("notes", [])[-_NOTES:]
        self.query_one("#notes", Static).update(
            "\n".join(status_report.note_text(*one) for one in notes)
        )
        self._fill()

    def _fill(self) -> None:
        words = self.query_one("#filter", Input).value.lower().split()
        for name, found in self._lists.items():
            fit = [row for row in found if _fits(row, words)]
            self.query_one(f"#{name}", Columns).fill(fit, len(found))

    def on_input_changed(self) -> None:
        """The filter is another."""
        self._fill()

    def on_input_submitted(self) -> None:
        """The filter is as it should be: back to the lists."""
        self.query_one("#devices").focus()

    def on_key(self, event: events.Key) -> None:
        """What is typed is a filter, wherever one is."""
        line = self.query_one("#filter", Input)
        typed = event.character if event.is_printable else None
        if typed and typed not in "/q" and self.focused is not line:
            line.focus()
            line.insert_text_at_cursor(typed)
            event.stop()

    def action_filter(self) -> None:
        """Begin to type."""
        self.query_one("#filter").focus()

    def action_everything(self) -> None:
        """Show all again."""
        self.query_one("#filter", Input).value = ""
        self.query_one("#devices").focus()


def _fits(row: Row, words: list[str]) -> bool:
    text = " ".join(map(str, row.values())).lower() if words else ""
    return all(word in text for word in words)
