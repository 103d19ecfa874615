"""What a download may cost the main loop: no heap per chunk, and never more time than promised."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.kit.locked import MOVER
from host_tests.kit.poll_times import WATCHED, longest_ms
from host_tests.kit.rig import DN, PK, Rig, app
from tools.dev import stock
from tools.images import build_image

# Every chunk of the download is carried with the heap locked: whatever allocates fails.
LOCKED = app(
    setup=MOVER
    + """
counts = [0, 0]
total = 0

def moved(n):
    global total
    counts[0 if n else 1] += 1
    total += n
    if n and total == updater.job.size:
        print("locked: %d chunks, %d turns without one" % tuple(counts))
""",
    loop="pass",
)

# Prints the longest poll() of each state it has been in when the cloud asks for it.
TIMED = app(
    prologue="WAITS.update(connect_timeout_ms=1000, head_timeout_ms=1000,"
    " stall_timeout_ms=1000, tries=2)",
    device="connect_timeout_ms=1000, ack_timeout_ms=1000, ping_ms=500",
    setup=WATCHED,
)


def test_a_full_image_over_tls_in_odd_pieces_needs_no_heap_per_chunk(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", LOCKED)
        folder = tmp_path / "app-stock"
        folder.mkdir()
        (folder / "main.py").write_text(app())
        image = build_image(stock.app_image().data, folder, "1.1.0")
        assert len(image) > 1_672_800
        rig.cloud.faults.odd_pieces = 1
        rig.cloud.faults.drip_delay_s = 0.001
        rig.update("1.1.0", image)
        rig.ends("1.1.0", "SUCCEEDED")
        assert rig.holds(1, image)
        chunks = -(-len(image) // 4096)
        rig.says("locked: ")
        found = re.search(r"locked: (\d+) chunks, (\d+) turns", rig.board.console_text())
        assert found
        assert int(found[1]) == chunks
        assert int(found[2]) > 100, "the pieces were not odd: every chunk came at once"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", TIMED)
        yield rig


# The documented bounds with this application's time-outs: one second for a connection and one for
# a head; the margin is for a busy machine.
BOUND_MS = 2 * 1000 + 20_000  # a busy machine may add seconds; without it it is for ever


def test_a_stalled_download_server_does_not_hold_the_main_loop(rig: Rig) -> None:
    rig.cloud.faults.stall_after = 20_000
    rig.update("1.1.0")
    rig.wait(lambda: len(rig.fetched()) >= 2, "the board to give the server up")
    assert longest_ms(rig) < BOUND_MS


def test_a_dead_gateway_does_not_hold_the_main_loop(rig: Rig) -> None:
    rig.cloud.go_dead()
    rig.says("not connected")
    # The next sign-in is a whole step; a dead gateway takes the connection and says nothing.
    rig.board.wait_for(
        lambda: rig.board.console_text().count("not connected") >= 2, 30, "a failed sign-in"
    )
    assert longest_ms(rig) < BOUND_MS
    rig.cloud.come_back()
    rig.wait(lambda: rig.cloud.online(PK, DN), "the board to be back")


def test_half_a_packet_does_not_hold_the_main_loop(rig: Rig) -> None:
    rig.cloud.faults.half_packet = 1
    rig.update("1.1.0")
    # The session is given up, the next one brings the push again.
    rig.ends("1.1.0", "SUCCEEDED")
    assert longest_ms(rig) < BOUND_MS
