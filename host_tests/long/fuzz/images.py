"""The first bytes of a download into image.check(), against the rules written down again."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import strategies as st

from host_tests.long.fuzz import on_device
from host_tests.long.fuzz.inputs import examples, mutated
from host_tests.long.fuzz.target import Outcome, Progress

_HEAP_KIB = 160
_HEAD = 36


def head(
    magic: int = 0xE9, segments: int = 6, chip: int = 0, length: int = 4096, word: int = 0xABCD5432
) -> bytes:
    """An image header, a segment header and the first word of the description."""
    start = bytes([magic, segments, 2, 0x20]) + struct.pack("<I", 0x400810C0)
    start += bytes([0xEE, 0, 0, 0]) + struct.pack("<H", chip) + bytes(9) + b"\1"
    return start + struct.pack("<III", 0x3F400020, length, word)


heads = st.one_of(
    st.builds(
        head,
        st.sampled_from([0xE9, 0xE9, 0xE9, 0xE8, 0xFF, 0x50]),
        st.integers(0, 255) | st.integers(1, 16),
        st.sampled_from([0, 0, 0, 2, 5, 9, 256, 0xFFFF]),
        st.integers(0, 0xFFFFFFFF) | st.integers(0, 1 << 21).map(lambda n: n * 4),
        st.sampled_from([0xABCD5432, 0xABCD5432, 0x3245CDAB, 0, 0xFFFFFFFF]),
    ),
    mutated(st.just(head())),
    st.binary(max_size=64),
    st.sampled_from([b"\x1f\x8b", b"PK\3\4", b"\x7fELF", b"<!DOCTYPE", b"{}", b"\xff" * 40]),
)
_sizes = st.one_of(st.integers(0, 64), st.integers(0, (1 << 29)), st.just(1_700_000))


def is_application(data: bytes, size: int) -> bool:
    """ESP-IDF's esp_image_format.h, read on the host: may this be an app image for chip 0?"""
    data = data[:4096].ljust(4096, b"\0")
    if size < _HEAD or data[0] != 0xE9 or data[12:14] != b"\0\0" or not 1 <= data[1] <= 16:
        return False
    length, word = struct.unpack_from("<II", data, 28)
    return bool(word == 0xABCD5432 and length % 4 == 0 and 0 < length <= size - 32)


def run(seed: int, count: int, progress: Progress) -> Outcome:
    """Exactly the heads of app images for this chip pass."""
    pairs = examples(st.tuples(_sizes, heads), seed, count)
    inputs = [size.to_bytes(4, "big") + data for size, data in pairs]

    def judge(index: int, passed: Any) -> str | None:
        size, data = pairs[index]
        wanted = is_application(data, size)
        return None if passed == wanted else f"passed: {passed}, by the rules: {wanted}"

    return on_device.run("fuzz_image.py", inputs, progress, heap_kib=_HEAP_KIB, judge=judge)
