"""NVS as ESP-IDF keeps it: what its own generator writes is read as it was meant."""

from __future__ import annotations

import io

import pytest
from esp_idf_nvs_partition_gen import nvs_partition_gen as generator
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.chip import nvs
from tools.cli import Refused
from tools.flashing.nvs_image import nvs_image

SIZE = 0x4000


def made(version: int, *entries: tuple[str, str, object]) -> bytes:
    """A partition of the generator with these (key, encoding, value) in a namespace "app"."""
    out = io.BytesIO()
    store = generator.nvs_open(out, SIZE - nvs.PAGE, version)
    generator.write_entry(store, "app", "namespace", "", "")
    for key, encoding, value in entries:
        generator.write_entry(store, key, "data", encoding, value)
    generator.nvs_close(store)
    return out.getvalue()


def test_every_kind_of_value_is_read() -> None:
    numbers = {
        **{f"u{bits}": 2**bits - 1 for bits in (8, 16, 32, 64)},
        **{f"i{bits}": -(2 ** (bits - 1)) for bits in (8, 16, 32, 64)},
    }
    data = made(
        generator.Page.VERSION2,
        *((kind, kind, value) for kind, value in numbers.items()),
        ("text", "string", "grüße"),
        ("blob", "binary", bytes(range(256)) * 20),
    )
    found = nvs.Entries(data)
    assert not found.unread
    assert found.values == {
        **{("app", kind): value for kind, value in numbers.items()},
        ("app", "text"): "grüße",
        ("app", "blob"): bytes(range(256)) * 20,
    }


def test_a_partition_of_an_old_esp_idf_is_read() -> None:
    data = made(generator.Page.VERSION1, ("blob", "binary", b"old" * 100), ("n", "i32", -5))
    assert nvs.Entries(data).values == {("app", "blob"): b"old" * 100, ("app", "n"): -5}


@pytest.mark.parametrize("content", [b"", b"\xff" * SIZE, b"\0" * SIZE, bytes(range(256)) * 64])
def test_what_is_no_nvs_is_empty(content: bytes) -> None:
    assert not nvs.is_nvs(content)
    found = nvs.Entries(content)
    assert (found.values, found.unread) == ({}, 0)


def test_a_byte_that_fell_over_spoils_its_own_value_and_is_noticed() -> None:
    data = made(
        generator.Page.VERSION2, ("a", "binary", b"x" * 40), ("b", "i32", 3), ("c", "i32", 4)
    )
    whole = nvs.Entries(data).values
    for at in range(64, 64 + 32 * 7):
        spoilt = bytearray(data)
        spoilt[at] ^= 0x10
        found = nvs.Entries(bytes(spoilt))
        missing = whole.keys() - found.values.keys()
        padding = 64 + 32 * 2 + 40 <= at < 64 + 32 * 4  # behind the 40 bytes, of no meaning
        assert bool(found.unread) is not padding, at
        assert all(whole[name] == value for name, value in found.values.items()), at
        assert padding or missing, at


@given(
    st.dictionaries(
        st.sampled_from([f"key_{n}" for n in range(30)]),
        st.one_of(st.integers(-(2**31), 2**31 - 1), st.binary(min_size=1, max_size=900)),
        max_size=12,
    )
)
@settings(max_examples=60, deadline=None)
def test_settings_of_any_length_read_back_and_leave_a_page_free(
    values: dict[str, int | bytes],
) -> None:
    image = nvs_image(dict(values), SIZE)
    assert len(image) == SIZE
    assert image[-nvs.PAGE :] == b"\xff" * nvs.PAGE
    assert nvs.Entries(image).values == {("alink", key): value for key, value in values.items()}


def test_settings_that_have_no_room_are_refused() -> None:
    with pytest.raises(Refused) as failed:
        nvs_image({"ca": bytes(range(256)) * 40}, 0x3000)
    assert "do not fit the 12288 bytes" in failed.value.cause
