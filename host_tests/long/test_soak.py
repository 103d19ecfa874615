"""`make soak` in short: what piles up with each update would end a device that lives for years."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from host_tests.kit.bad_releases import releases
from host_tests.long.soak import Sample, grown, soak


def test_no_bad_release_costs_a_board_and_nothing_piles_up_on_it_or_in_the_cloud(
    tmp_path: Path,
) -> None:
    # One of each kind, a good one after each.
    count = 2 * len(releases(""))
    seen: list[int] = []
    runs = soak(tmp_path, count, 2, 6, 2, lambda: seen.append(1))
    assert len(seen) == count + 6
    # (Each kind leaves its own entries in NVS at its first time: see `make soak`.)
    assert [grown(samples, len(samples) * 3 // 4 - 1) for samples in runs] == [[], []]


def test_a_slow_leak_is_noticed_and_a_swing_is_not() -> None:
    first = Sample(50_000, 9, 12, 2, 100_000, 30, 1, 5, 1, 300, 6)
    leak = [replace(first, nvs_entries=12 + n // 10) for n in range(100)]
    assert grown(leak, 20) == ["nvs_entries: 14 at first, 19 in the end"]
    swing = [replace(first, cloud_files=30 + n % 3) for n in range(100)]
    assert grown(swing, 20) == []
    assert grown([replace(first, board_heap=50_000 + 50 * n) for n in range(100)], 20)
