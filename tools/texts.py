"""Text as people's editors leave it on their disks: UTF-8, or UTF-16 and UTF-32, marked or not.

What is none of them is refused with the place: to guess at one of the older encodings would make
names and settings that look right and are not.
"""

from __future__ import annotations

import codecs

from tools.cli import Refused

_MARKS = (
    # The longer ones first: UTF-32's little-endian mark begins as UTF-16's does.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decoded(data: bytes, what: object) -> str:
    """The text in `data`, without a mark. Raises Refused, which names `what` and the line."""
    encoding = _unmarked(data)
    for mark, name in _MARKS:
        if data.startswith(mark):
            data, encoding = data[len(mark) :], name
            break
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as exc:
        line = data[: exc.start].count(b"\n") + 1
        raise Refused(
            f"{what} is not text in {encoding.upper()}: line {line} holds the byte "
            f"{exc.object[exc.start]:#04x}",
            "Save it as UTF-8.",
        ) from None
    at = text.find("\0")
    if at >= 0:
        line = text.count("\n", 0, at) + 1
        raise Refused(f"{what} is no text: line {line} holds a NUL", "Save it as UTF-8.")
    return text


def _unmarked(data: bytes) -> str:
    # What people write begins with a letter, a # or a space, of which the other half is 0.
    first, second = data[:1], data[1:2]
    if first and first != b"\0" and second == b"\0":
        return "utf-16-le"
    if first == b"\0" and second > b"\0":
        return "utf-16-be"
    return "utf-8"


def is_name(text: str) -> bool:
    """Whether a file's name is text: a disk may hold any bytes for one."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return text.isprintable()
