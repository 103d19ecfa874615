"""A bar chart as SVG: sizes that differ by a factor of ten thousand, in groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

_WIDTH, _LEFT, _RIGHT = 800, 230, 90  # pixels: all of it, the labels' part, room for the values
_BAR, _GAP, _TOP = 15, 12, 74
_COLOURS = ("#8a94a6", "#3b82c4", "#2a9d5c", "#c4793b")
_STYLE = """\
text { font: 12px sans-serif; fill: #24292f }
.title { font-weight: bold; font-size: 14px }
.axis { stroke: #8a94a655 }
@media (prefers-color-scheme: dark) { text { fill: #d0d7de } }"""


def draw(title: str, groups: Sequence[tuple[str, Sequence[tuple[str, int]]]]) -> str:
    """The picture: `groups` are a label each, and bars with their label and value in bytes.

    The scale is logarithmic: each line is ten times the one before.
    """
    names = list(dict.fromkeys(name for _, bars in groups for name, _ in bars))
    colours = {name: _COLOURS[n % len(_COLOURS)] for n, name in enumerate(names)}
    values = [value for _, bars in groups for _, value in bars]
    low = math.floor(math.log10(max(1, min(values))))
    high = math.ceil(math.log10(max(10, *values)))
    scale = (_WIDTH - _LEFT - _RIGHT) / max(1, high - low)
    height = _TOP + sum(len(bars) * _BAR + _GAP for _, bars in groups) + 8

    def x(value: float) -> float:
        return _LEFT + (math.log10(max(value, 1)) - low) * scale

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        _text(8, 20, f"{title} (each line is ten times the one before)", "title"),
    ]
    for n, name in enumerate(names):
        out.append(_box(_LEFT + 110 * n, 30, 10, 10, colours[name]))
        out.append(_text(_LEFT + 110 * n + 15, 40, name))
    for decade in range(low, high + 1):
        at = x(10**decade)
        out.append(f'<path class="axis" d="M{at:.1f} {_TOP - 6}V{height - 8}"/>')
        out.append(_text(at, _TOP - 10, _short(10**decade), anchor="middle"))
    y = _TOP
    for label, bars in groups:
        out.append(_text(_LEFT - 8, y + len(bars) * _BAR / 2 + 4, label, anchor="end"))
        for name, value in bars:
            out.append(_box(_LEFT, y + 1, max(1.0, x(value) - _LEFT), _BAR - 2, colours[name]))
            out.append(_text(x(value) + 5, y + _BAR - 4, f"{value:,}"))
            y += _BAR
        y += _GAP
    return "\n".join([*out, "</svg>"]) + "\n"


def _short(value: int) -> str:
    for unit, name in ((1_000_000, "MB"), (1000, "KB")):
        if value >= unit:
            return f"{value // unit} {name}"
    return f"{value} B"


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    as_kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{as_kind}>{escape(text)}</text>'


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'fill="{colour}"/>'
    )
