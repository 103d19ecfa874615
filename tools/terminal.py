"""Colours, where a person looks on: on a terminal, and not with NO_COLOR."""

from __future__ import annotations

import os
import re
import sys
from typing import TextIO

_CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "magenta": 35, "cyan": 36}
_HEADING = re.compile(r"^([a-z][\w ]*:)", re.MULTILINE)
_OPTION = re.compile(r"^(  {1,4}(?:-[\w-]+(?:, --[\w-]+)?))", re.MULTILINE)
_COMMAND = re.compile(r"^(  (?:python -m|alink|flash\.py|image\.py) .*?)(?=$|   )", re.MULTILINE)


def watched() -> bool:
    """Whether a person looks on: standard output is a terminal, with colours or without."""
    return sys.stdout.isatty()


def coloured(stream: TextIO | None = None) -> bool:
    """Whether what is written to a stream (standard output) may have colours."""
    stream = sys.stdout if stream is None else stream
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def painted(text: str, colour: str, stream: TextIO | None = None) -> str:
    """A text in a colour ("" for none), where the stream has any."""
    if not colour or not text or not coloured(stream):
        return text
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"


def painted_help(text: str, stream: TextIO | None = None) -> str:
    """Help with its headings, options and commands set off."""
    if not coloured(stream):
        return text
    for what, colour in ((_HEADING, "bold"), (_OPTION, "green"), (_COMMAND, "cyan")):
        text = what.sub(f"\x1b[{_CODES[colour]}m\\1\x1b[0m", text)
    return text
