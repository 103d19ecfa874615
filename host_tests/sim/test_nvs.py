"""The sim's NVS: what was committed is there, whole, whatever the power did."""

from __future__ import annotations

import random

import pytest

from host_tests.kit.sim_desk import HEAD, run
from tools.sim import Board
from tools.sim.device.simchip import nvsstore
from tools.sim.device.simchip.nvsstore import NvsError, NvsLog

SIZE = 4 * 4096
Content = dict[tuple[str, str], "int | bytes"]


class Cut(Exception):
    """Power went away."""


class FakeFlash:
    """NOR flash in memory that loses power at its n-th operation."""

    def __init__(self, data: bytes = b"\xff" * SIZE) -> None:
        self.data = bytearray(data)
        self.ops = 0
        self.cut: tuple[int, str] | None = None

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self.data[offset : offset + length])

    def erase(self, offset: int) -> None:
        self._do(offset, b"\xff" * 4096)

    def program(self, offset: int, data: bytes) -> None:
        for n, byte in enumerate(data):
            assert not byte & ~self.data[offset + n], f"0 to 1 at {offset + n:#x}"
        self._do(offset, data)

    def _do(self, offset: int, data: bytes) -> None:
        self.ops += 1
        when = self.cut[1] if self.cut and self.cut[0] == self.ops else ""
        if when == "before":
            raise Cut
        kept = data[: len(data) // 2] if when == "first half" else data
        start = len(data) // 2 if when == "second half" else 0
        self.data[offset + start : offset + len(kept)] = kept[start:]
        if when:
            raise Cut


def content(flash: FakeFlash) -> Content:
    """Everything a fresh mount finds."""
    store = NvsLog(flash, SIZE)
    return {name: store.get(*name) for name in store.keys()}  # noqa: SIM118


def work(store: NvsLog, count: int, seed: int) -> list[tuple[Content, Content]]:
    """Random sets and erases; for each the content before and after, as it should be."""
    noise = random.Random(seed)
    now: Content = {}
    steps = []
    for _ in range(count):
        before = dict(now)
        name = ("ns", f"key{noise.randrange(6)}")
        kind = noise.randrange(8)
        if kind == 0 and name in now:
            del now[name]
        elif kind < 3:
            now[name] = noise.randrange(-(2**31), 2**31)
        else:
            now[name] = noise.randbytes(noise.choice((0, 5, 80, 700, 1200)))
        steps.append((before, dict(now)))
        try:
            if name in now:
                store.set(*name, now[name])
            else:
                store.erase(*name)
        except Cut:
            return steps
    return steps


def test_values_survive_hundreds_of_writes_in_a_small_partition() -> None:
    flash = FakeFlash()
    steps = work(NvsLog(flash, SIZE), 400, seed=3)
    assert content(flash) == steps[-1][1]
    assert flash.ops > 400  # pages were moved and erased on the way


@pytest.mark.parametrize("when", ["before", "first half", "second half", "after"])
def test_a_power_cut_at_any_flash_operation_leaves_the_old_or_the_new_value(when: str) -> None:
    whole = FakeFlash()
    work(NvsLog(whole, SIZE), 60, seed=5)
    for op in range(1, whole.ops + 1):
        flash = FakeFlash()
        flash.cut = (op, when)
        before, after = work(NvsLog(flash, SIZE), 60, seed=5)[-1]
        found = content(flash)
        assert found in (before, after), f"operation {op} of {whole.ops}"
        # And it goes on working from there.
        flash.cut = None
        store = NvsLog(flash, SIZE)
        store.set("ns", "later", b"x" * 900)
        assert content(flash) == {**found, ("ns", "later"): b"x" * 900}


def test_a_second_power_cut_while_the_first_is_repaired_loses_nothing() -> None:
    whole = FakeFlash()
    work(NvsLog(whole, SIZE), 60, seed=8)
    for op in range(whole.ops // 2, whole.ops, 3):
        flash = FakeFlash()
        flash.cut = (op, "first half")
        work(NvsLog(flash, SIZE), 60, seed=8)
        for again in range(1, 8):
            copy = FakeFlash(bytes(flash.data))
            found = content(copy)
            copy.cut = (again, "first half")
            try:
                NvsLog(copy, SIZE).set("ns", "new", b"y" * 1500)
            except Cut:
                assert content(copy) in (found, {**found, ("ns", "new"): b"y" * 1500})


def test_about_12_kib_fit_into_a_16_kib_partition_and_no_more() -> None:
    flash = FakeFlash()
    store = NvsLog(flash, SIZE)
    store.set("ns", "large", bytes(11500))
    with pytest.raises(NvsError) as refused:
        store.set("ns", "more", bytes(1000))
    assert refused.value.args == (nvsstore.NOT_ENOUGH_SPACE,)
    assert content(flash) == {("ns", "large"): bytes(11500)}


@pytest.mark.parametrize(
    ("namespace", "key", "code"),
    [
        ("n" * 16, "key", nvsstore.KEY_TOO_LONG),
        ("ns", "k" * 16, nvsstore.KEY_TOO_LONG),
        ("ns", "", nvsstore.INVALID_NAME),
    ],
)
def test_names_over_15_characters_are_refused(namespace: str, key: str, code: int) -> None:
    with pytest.raises(NvsError) as refused:
        NvsLog(FakeFlash(), SIZE).set(namespace, key, 1)
    assert refused.value.args == (code,)


def test_a_partition_full_of_garbage_starts_empty() -> None:
    flash = FakeFlash(random.Random(1).randbytes(SIZE))
    store = NvsLog(flash, SIZE)
    assert store.keys() == []
    store.set("ns", "key", 7)
    assert content(flash) == {("ns", "key"): 7}


def test_nvs_errors_and_values_are_the_chips(board: Board) -> None:
    board.nvs_set("set", "from-desk", "Grüße")
    text = run(
        board,
        HEAD
        + """
n = NVS("set")
buf = bytearray(10)
print(1, n.get_blob("from-desk", buf), bytes(buf))
n.set_i32("i", -2)
n.set_blob("b", bytearray(b"abc"))
n.commit()
print(2, n.get_i32("i"), n.get_blob("b", buf))
print(3, error(n.get_i32, "none"), error(n.get_blob, "none", buf), error(n.erase_key, "none"))
print(4, error(n.get_i32, "b"), error(n.get_blob, "i", buf))
print(5, error(n.get_blob, "b", bytearray(2)))
print(6, error(n.set_i32, "k" * 16, 1), error(NVS, "n" * 16))
print(7, error(n.set_blob, "large", bytes(13000)))
n.erase_key("i")
print(8, error(n.get_i32, "i"))
n.commit()
""",
    )
    assert "1 7 b'Gr\\xc3\\xbc\\xc3\\x9fe\\x00\\x00\\x00'" in text
    assert "2 -2 3" in text
    missing = "(-4354, 'ESP_ERR_NVS_NOT_FOUND')"
    assert f"3 {missing} {missing} {missing}" in text
    mismatch = "(-4355, 'ESP_ERR_NVS_TYPE_MISMATCH')"
    assert f"4 {mismatch} {mismatch}" in text
    assert "5 (-4364, 'ESP_ERR_NVS_INVALID_LENGTH')" in text
    too_long = "(-4361, 'ESP_ERR_NVS_KEY_TOO_LONG')"
    assert f"6 {too_long} {too_long}" in text
    assert "7 (-4357, 'ESP_ERR_NVS_NOT_ENOUGH_SPACE')" in text
    assert f"8 {missing}" in text
    assert board.nvs_get("set", "i") is None
    assert board.nvs_get("set", "b") == b"abc"
    assert board.nvs_keys("set") == [("set", "from-desk"), ("set", "b")]
    board.nvs_erase("set")
    assert board.nvs_keys() == []


def test_values_that_were_not_committed_are_lost_with_the_run(board: Board) -> None:
    text = run(board, HEAD + 'NVS("a").set_i32("x", 5)\nprint("seen", NVS("a").get_i32("x"))')
    assert "seen 5" in text
    text = run(board, HEAD + 'print("then", error(NVS("a").get_i32, "x"))')
    assert "then (-4354" in text
