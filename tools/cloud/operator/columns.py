"""A list on a screen: as many rows as there are, of which only those that are seen cost time."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tools.cloud.operator import show
from tools.cloud.operator.show import Row

_GAP = "  "


class Columns(ScrollView, can_focus=True):
    """Rows below a head that stays. `fill()` it as often as something has changed."""

    def __init__(self, name: str, heads: Sequence[str]) -> None:
        super().__init__(id=name, name=name)
        self._heads = list(heads)
        self._cells: list[list[str]] = []
        self._widths: list[int] = []

    @property
    def cells(self) -> list[list[str]]:
        """What is in it, row by row."""
        return self._cells

    def fill(self, found: Sequence[Row], of: int) -> None:
        """Put these rows, of so many, in place of those before; it stays scrolled as it was."""
        self._cells = [[show.text(row[head]) for head in self._heads] for row in found]
        every = zip(self._heads, *self._cells, strict=True)
        self._widths = [max(map(_wide, column)) for column in every]
        self.border_title = f"{self.name} {len(found)} of {of}"
        width = sum(self._widths) + len(_GAP) * (len(self._widths) - 1)
        self.virtual_size = Size(width, len(found) + 1)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of what is seen; the first one is the head."""
        left, top = self.scroll_offset
        width, number = self.size.width, round(top) + y - 1
        if not self._widths or (y and number >= len(self._cells)):
            return Strip.blank(width, self.rich_style)
        line = self._cells[number] if y else self._heads
        parts = []
        for cell, wide in zip(line, self._widths, strict=True):
            style = Style(color=show.STATES.get(cell) or None) if y else Style(bold=True)
            text = cell + " " * (wide - _wide(cell)) + _GAP
            parts.append(Segment(text, self.rich_style + style))
        whole = Strip(parts).crop(round(left), round(left) + width)
        return whole.extend_cell_length(width, self.rich_style)


def _wide(cell: str) -> int:
    return len(cell) if cell.isascii() else cell_len(cell)
