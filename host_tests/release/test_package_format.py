"""Packages to the byte: what is made unpacks to the image, and nothing else is taken for one."""

from __future__ import annotations

import contextlib
import hashlib
import re
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.release.difference import operations
from tools.release.pack import blocks, blocks_that_differ, compress, difference
from tools.release.package_format import (
    ADD,
    COMPRESSED,
    COPY,
    DIFFERENCE,
    HEAD_SIZE,
    INSERT,
    WINDOWS,
    Head,
    PackageError,
    number,
    operation,
    read_head,
    seek,
)
from tools.release.unpacking import unpack, walk

PAGE = Path(__file__).resolve().parents[2] / "docs" / "package.md"
OLD = b"abcdefghijkX"
NEW = b"abcdefghijkl"
OPS = operation(COPY, 11) + operation(ADD, 1, b"\x14")


def deflated(data: bytes, window: int = 10) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, window)
    return packer.compress(data) + packer.flush()


def made(
    ops: bytes, image: bytes = NEW, source: bytes = OLD, stream: bytes | None = None
) -> bytes:
    """A difference of these operations, or with this stream, whatever they are."""
    head = Head(
        DIFFERENCE,
        10,
        len(image),
        hashlib.sha256(image).digest(),
        len(source),
        hashlib.sha256(source).digest(),
    )
    return head.to_bytes() + (deflated(ops) if stream is None else stream)


def packed(stream: bytes, image: bytes = NEW, window: int = 10) -> bytes:
    """A compressed image with this stream, whatever it is."""
    digest = hashlib.sha256(image).digest()
    return Head(COMPRESSED, window, len(image), digest).to_bytes() + stream


def refused(package: bytes, cause: str, source: bytes | None = OLD) -> None:
    with pytest.raises(PackageError, match=cause):
        unpack(package, source)


def test_the_page_s_example_is_a_package_by_the_page() -> None:
    dump = re.findall(r"^[0-9a-f]0  ((?:[0-9a-f]{2} ?)+)$", PAGE.read_text(), re.MULTILINE)
    package = bytes.fromhex(" ".join(dump))
    assert len(package) == 91
    assert zlib.decompress(package[HEAD_SIZE:]) == OPS
    assert unpack(package, OLD) == NEW
    assert package == made(OPS)


@pytest.mark.parametrize("window", WINDOWS)
def test_a_compressed_image_unpacks_to_itself(window: int) -> None:
    image = hashlib.shake_256(b"image").digest(70_000) + bytes(70_000)
    package = compress(image, window)
    assert read_head(package).window == window
    assert len(package) < 71_000
    assert unpack(package) == image


def test_a_package_fits_the_ram_of_any_board_unless_a_larger_window_is_asked_for() -> None:
    noise = hashlib.shake_256(b"noise").digest
    far = noise(3000) * 30  # repeats that only 12 bits reach back to
    assert read_head(compress(far)).window == 8
    assert read_head(difference(far, far[:-1] + b"!")).window == 8
    assert read_head(compress(far, 12)).window == 12
    assert len(compress(far, 12)) < len(compress(far)) // 9


# Images as they change: parts that stay, that move, that are new, bytes that are other bytes.
changes = st.lists(
    st.one_of(
        st.tuples(st.just("keep"), st.integers(0, 3000), st.integers(1, 900)),
        st.tuples(st.just("new"), st.integers(0, 255), st.integers(1, 300)),
        st.tuples(st.just("sum"), st.integers(0, 3000), st.integers(1, 900)),
    ),
    min_size=1,
    max_size=12,
)
SOURCE = hashlib.shake_256(b"source").digest(4000)


@settings(deadline=None)  # the first one loads detools
@given(changes, st.sampled_from(WINDOWS))
def test_a_difference_makes_the_image_whatever_was_changed(
    parts: list[tuple[str, int, int]], window: int
) -> None:
    image = bytearray()
    for what, at, size in parts:
        if what == "keep":
            image += SOURCE[at : at + size]
        elif what == "new":
            image += hashlib.shake_256(bytes([at])).digest(size)
        else:
            image += bytes(b + (n % 9 == 0) & 0xFF for n, b in enumerate(SOURCE[at : at + size]))
    package = difference(bytes(image), SOURCE, window)
    assert unpack(package, SOURCE) == bytes(image)


def test_what_stays_costs_its_length_only() -> None:
    source = hashlib.shake_256(b"firmware").digest(400_000)
    image = source[:200_000] + b"another line" + source[200_012:]
    assert len(difference(image, source)) < HEAD_SIZE + 60
    # Also where it moved: no byte of it is in the operations.
    moved = b"inserted before all of it" + source
    assert len(operations(moved, source)) < 60


def test_blocks_are_counted_where_a_slot_has_them() -> None:
    source = bytes(5 * 4096)
    image = bytearray(source + b"one more block, not a whole one")
    image[4096] = 1
    assert blocks(bytes(image)) == 6
    assert blocks_that_differ(bytes(image), source) == 2
    assert blocks_that_differ(source[:5000], source) == 0


def test_operations_may_jump_in_the_source() -> None:
    ops = seek(9) + operation(COPY, 3) + seek(-12) + operation(COPY, 9)
    image = OLD[9:12] + OLD[:9]
    assert unpack(made(ops, image), OLD) == image
    assert unpack(made(16 * seek(0) + OPS), OLD) == NEW


def test_a_number_need_not_be_as_short_as_it_can_be() -> None:
    assert unpack(made(b"\xac\x80\x00" + OPS[1:]), OLD) == NEW
    assert [number(n).hex() for n in (0, 127, 128, (1 << 30) - 1)] == [
        "00",
        "7f",
        "8001",
        "ffffffff03",
    ]
    with pytest.raises(ValueError, match="does not fit"):
        number(1 << 30)


@pytest.mark.parametrize(
    ("at", "value", "cause"),
    [
        (0, 0x88, "no package"),
        (4, 2, "package format 2"),
        (4, 0, "package format 0"),
        (5, 0, "unknown kind 0"),
        (5, 3, "unknown kind 3"),
        (5, COMPRESSED, "a source, although"),
        (6, 7, "window of 7 bits"),
        (6, 13, "window of 13 bits"),
        (6, 11, "its head states another window"),
        (7, 1, "1 where a zero belongs"),
        (8, 0, "an image of 0 bytes"),
        (8, 11, "goes on behind its image"),
        (8, 13, "it ends before its image"),
        (12, 0, "not the image that its head tells of"),
        (44, 0, "a source of 0 bytes"),
        (44, 11, "starts from another image"),
        (48, 0, "starts from another image"),
    ],
)
def test_no_byte_of_the_head_may_be_another(at: int, value: int, cause: str) -> None:
    package = bytearray(made(OPS))
    assert package[at] != value
    package[at] = value
    refused(bytes(package), cause)


@pytest.mark.parametrize(
    ("ops", "cause"),
    [
        (b"", "it ends before its image"),
        (operation(COPY, 11), "it ends before its image"),
        (operation(COPY, 11) + operation(ADD, 1), "it ends before its image"),
        (operation(COPY, 0) + OPS, "an operation on nothing"),
        (operation(ADD, 0) + OPS, "an operation on nothing"),
        (operation(INSERT, 0) + OPS, "an operation on nothing"),
        (operation(COPY, 13), "it goes on behind its image"),
        (operation(INSERT, 13, bytes(13)), "it goes on behind its image"),
        (seek(1) + operation(COPY, 12), "it leaves its source: an operation reads"),
        (seek(12) + operation(ADD, 1, b"a"), "it leaves its source: an operation reads"),
        (seek(13) + OPS, "it leaves its source: an operation moves"),
        (seek(-1) + seek(1) + OPS, "it leaves its source: an operation moves"),
        (seek(3) + seek(-4) + OPS, "it leaves its source: an operation moves"),
        (17 * seek(0) + OPS, "it moves in its source and does nothing"),
        (OPS + seek(0), "goes on behind"),
        (OPS + operation(COPY, 1), "goes on behind"),
        (OPS + bytes(1 << 20), "goes on behind"),
        (b"\xff\xff\xff\xff\x04", "beyond 30 bits"),
        (b"\x80\x80\x80\x80\x80\x00" + OPS, "beyond 30 bits"),
        (b"\x80", "it ends before its image"),
    ],
)
def test_operations_that_do_not_make_the_image_are_refused(ops: bytes, cause: str) -> None:
    refused(made(ops), cause)
    with pytest.raises(PackageError, match=cause):  # and no source is needed to see it
        walk(made(ops))


@settings(deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=200), st.booleans())
def test_of_anything_comes_the_image_that_the_head_tells_of_or_a_refusal(
    ops: bytes, stream: bytes, is_stream: bool
) -> None:
    package = made(ops, stream=stream if is_stream else None)
    found = NEW
    with contextlib.suppress(PackageError):  # no other exception
        found = unpack(package, OLD)
    assert found == NEW


def test_a_stream_is_taken_whole_or_not_at_all() -> None:
    whole = made(OPS)
    for length in range(len(whole)):
        refused(whole[:length], "no package|within its head|ends before|another window|ends early")
    refused(whole + b"\n", "1 bytes of data behind its stream")


def test_of_a_damaged_stream_comes_the_image_or_nothing() -> None:
    whole = made(OPS)
    taken = 0
    for bit in range(8 * HEAD_SIZE, 8 * len(whole)):
        broken = bytearray(whole)
        broken[bit // 8] ^= 1 << bit % 8
        try:
            assert unpack(bytes(broken), OLD) == NEW
            taken += 1
        except PackageError:
            pass
    # zlib fills the last byte in front of its Adler-32 with bits that say nothing.
    assert taken < 8


def test_a_compressed_image_has_exactly_its_size() -> None:
    assert unpack(packed(deflated(NEW))) == NEW
    refused(packed(deflated(NEW[:-1])), "it ends before its image", None)
    refused(packed(deflated(NEW + b"!")), "goes on behind", None)
    refused(packed(deflated(NEW + bytes(1 << 24))), "goes on behind", None)
    refused(packed(deflated(NEW, 12)), "its head states another window", None)
    refused(packed(deflated(NEW), window=12), "its head states another window", None)


def test_a_stream_that_no_board_has_room_for_is_refused() -> None:
    image = hashlib.shake_256(b"image").digest(5000)
    packer = zlib.compressobj(9, zlib.DEFLATED, 10)
    whole = packer.compress(image[:2000]) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = packer.compress(image[2000:]) + packer.flush()
    empty = b"\x00\x00\x00\xff\xff"  # a block with nothing in it
    assert unpack(packed(whole + 20 * empty + rest, image)) == image
    refused(packed(whole + 300 * empty + rest, image), "a board has no room for more", None)


def test_a_stream_with_a_dictionary_is_refused() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 10, zdict=NEW)
    refused(packed(packer.compress(NEW) + packer.flush()), "wants a dictionary", None)


def test_a_difference_wants_its_source_and_no_other() -> None:
    refused(made(OPS), "means nothing without its source", None)
    refused(made(OPS), "starts from another image", OLD + b"\xff")
    refused(made(OPS), "starts from another image", NEW)
    with pytest.raises(PackageError, match="both images are the same"):
        difference(NEW, NEW)


def test_the_head_is_80_bytes() -> None:
    head = Head(DIFFERENCE, 11, 7, b"i" * 32, 9, b"s" * 32)
    data = head.to_bytes()
    assert data == b"\x89ALP\x01\x02\x0b\x00" + struct.pack("<I", 7) + b"i" * 32 + (
        struct.pack("<I", 9) + b"s" * 32
    )
    assert read_head(data + b"stream") == head
