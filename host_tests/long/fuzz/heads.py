"""Answers of a hostile download server: heads that lie, break off, or are no HTTP at all."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st

from host_tests.long.fuzz import on_device
from host_tests.long.fuzz.inputs import examples, filler, mutated
from host_tests.long.fuzz.target import Outcome, Progress

_HEAP_KIB = 256
_NUMBERS = st.one_of(
    st.sampled_from(
        ["", "0", "-1", "+5", " 5", "5 5", "1e3", "0x10", "5,5", "9" * 12, "9" * 400, "1073741824"]
    ),
    st.integers(0, 2000).map(str),
)


def _line(name: str, value: str, end: str) -> str:
    return f"{name}: {value}{end}"


@st.composite
def answers(draw: st.DrawFn) -> tuple[int, int, bytes]:
    """-> (offset, size, what the server sends); about half of the heads are right."""
    size = draw(st.integers(1, 1500))
    offset = draw(st.sampled_from([0, 0, min(512, size - 1), size - 1]))
    honest = draw(st.booleans())
    status = draw(
        st.sampled_from([206, 206, 200])
        if honest
        else st.sampled_from([206, 200, 100, 204, 301, 302, 304, 403, 404, 410, 416, 500, 999, 0])
    )
    start = offset if status == 206 else 0
    end = draw(st.sampled_from(["\r\n", "\r\n", "\r\n", "\n"]))
    length, span = str(size - start), f"bytes {start}-{size - 1}/{size}"
    if not honest and draw(st.booleans()):
        length = draw(_NUMBERS)
    if not honest and draw(st.booleans()):
        parts = [draw(_NUMBERS | st.just(str(n))) for n in (start, size - 1, size)]
        span = draw(
            st.sampled_from(["bytes {}-{}/{}", "bytes {}-{}/*", "BYTES={}-{}/{}", "{}{}{}"])
        )
        span = span.format(*parts)
    names = ["Content-Length", "Content-Range"]
    if draw(st.booleans()):
        names = [draw(st.sampled_from([str.lower, str.upper]))(name) for name in names]
    lines = [_line(names[0], length, end), _line(names[1], span, end)]
    odd = st.sampled_from(
        [
            ("Location", "https://evil.example/?auth_key=s3cret"),
            ("Transfer-Encoding", "chunked"),
            ("Transfer-Encoding", "identity"),
            ("Transfer-Encoding", "gzip, chunked"),
            ("Content-Length", length),
            ("Content-Length", "7"),
            ("Content-Range", "bytes 0-0/1"),
            ("X-Echo", "GET /ota/fw.bin?auth_key=1700000000-0-s3cret"),
            ("X-Long", "x" * 900),
            ("X-Long", "x" * 1100),
            ("X-Control", "\x1b[2J\0\x07"),
            ("", "no name"),
            (" folded", "line"),
            ("\x1b[31m", "\xff"),
        ]
    )
    for name, value in draw(st.lists(odd, max_size=0 if honest else 3)):
        lines.insert(draw(st.integers(0, len(lines))), _line(name, value, end))
    if not honest and draw(st.integers(0, 3)) == 0:
        lines *= draw(st.integers(2, 60))
    version = draw(
        st.sampled_from(["HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2", "ICY", "http/1.1"])
    )
    reason = draw(st.sampled_from([" Partial Content", "", " ", " ?auth_key=s3cret", " \x1b[2J"]))
    head = f"{version if not honest else 'HTTP/1.1'} {status}{reason}{end}" + "".join(lines) + end
    data = head.encode("latin-1")
    cut = draw(st.integers(0, 3))
    body = filler(size, max(0, size - start))
    if cut == 0:
        body = body[: draw(st.integers(0, len(body)))]
    return offset, size, data + body


@st.composite
def _inputs(draw: st.DrawFn) -> bytes:
    offset, size, data = draw(answers())
    if draw(st.integers(0, 2)) == 0:
        data = draw(mutated(st.just(data)))
    if draw(st.integers(0, 20)) == 0:
        data = draw(st.binary(max_size=100))
    piece = draw(st.sampled_from([1, 2, 5, 511, 512, 513, 1460, 65535]))
    head = piece.to_bytes(2, "big") + bytes([draw(st.integers(0, 1))])
    return head + offset.to_bytes(4, "big") + size.to_bytes(4, "big") + data[:20000]


def verdict(data: bytes, told: Any) -> str | None:
    """What is wrong with `told` = [start, body in hex or None], or None for a download refused.

    The head is read a second time here, by RFC 9112 and in another way.
    """
    offset, size = int.from_bytes(data[3:7], "big"), int.from_bytes(data[7:11], "big")
    answer = data[11:]
    lines = re.split(rb"\r*\n", answer)
    fields = [
        line.partition(b":") for line in lines[1 : lines.index(b"") if b"" in lines else None]
    ]
    named = [(name.strip().lower(), value.strip()) for name, _, value in fields]
    # (Any white space may stand for the blank there: RFC 9112, 4.)
    status = re.match(rb"HTTP/1\.\S*[ \t\v\f\r]+(200|206)(\s|$)", lines[0])
    if told is None:
        return None
    start = told[0]
    if not status or b"" not in lines:
        return "took what is no good answer"
    if start != (offset if status[1] == b"206" else 0):
        return f"takes the body to start at {start}"
    lengths = {value for name, value in named if name == b"content-length"}
    ranges = {value for name, value in named if name == b"content-range"}
    codings = {value.lower() for name, value in named if name == b"transfer-encoding"}
    if any(int(told) != size - start for told in lengths) or codings - {b"identity"}:
        return "took a body of another length"
    numbers = [int(n) for n in re.findall(rb"\d+", b" ".join(ranges))]
    if status[1] == b"206" and numbers != [start, size - 1, size]:
        return f"took the range {ranges}"
    if told[1] is not None:
        body = re.split(rb"\n\r*\n", answer, maxsplit=1)[1]
        if bytes.fromhex(told[1]) != body[: size - start]:
            return "handed on another body"
    return None


def run(seed: int, count: int, progress: Progress) -> Outcome:
    """Only good answers are taken, and of these exactly the body; nothing leaks or stays open."""
    inputs = examples(_inputs(), seed, count)
    return on_device.run(
        "fuzz_http.py",
        inputs,
        progress,
        heap_kib=_HEAP_KIB,
        judge=lambda index, told: verdict(inputs[index], told),
    )
