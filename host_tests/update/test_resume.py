"""A reset in the middle of a download: what is in flash is kept, and never trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_tests.kit.rig import Rig, app
from tools.dev import stock
from tools.images import build_image

HEAP = "esp32"

CHUNK = 4096
KEPT = 65536  # bytes of a download that a reset may cost, at most
SIZE = 500_000


def ready(rig: Rig) -> None:
    """A board that has signed in once, and is off."""
    rig.start("1.0.0")
    rig.board.power_cut()


def cut_after(rig: Rig, least: int) -> int:
    """Switch on, and cut the power when about that much has been written to flash since.

    Counted in operations of the flash, so that no busy machine moves the place. Returns how many
    bytes of the image are in flash.
    """
    rig.board.cut_at(2 * -(-least // CHUNK) + 12)  # a dozen are otadata's and NVS's own
    rig.board.power_on()
    rig.board.wait_for(lambda: not rig.board.is_on, 120, what="the power cut")
    slot = rig.board.slot_bytes(1)
    return next(at for at in range(0, len(slot), CHUNK) if slot[at : at + CHUNK].count(255) > 4000)


def served(rig: Rig, number: int) -> int:
    """How much the server has sent of the download of this number (1 is the first)."""
    found = rig.fetched()
    return found[-1].bytes_sent if len(found) == number else -1


def resumes(rig: Rig, image: bytes) -> None:
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    assert rig.holds(1, image)
    assert [n for n in rig.steps() if n < 0] == []


@pytest.mark.parametrize("sent", [10_000, 70_000, 200_000, 490_000])
def test_a_power_cut_costs_at_most_64_kib_of_the_download(rig: Rig, sent: int) -> None:
    image = rig.update("1.1.0", rig.image("1.1.0", size=SIZE))
    written = cut_after(rig, sent)
    rig.board.power_on()
    resumes(rig, image)
    _, second = rig.fetched()
    assert second.range_start is not None
    assert written - KEPT <= second.range_start <= written
    assert second.bytes_sent == len(image) - second.range_start


def test_a_power_cut_in_a_stock_image_costs_at_most_64_kib(rig: Rig, tmp_path: Path) -> None:
    folder = tmp_path / "stock"
    folder.mkdir()
    (folder / "main.py").write_text(app())
    image = build_image(stock.app_image().data, folder, "1.1.0")
    rig.update("1.1.0", image)
    written = cut_after(rig, 1_300_000)
    rig.board.power_on()
    resumes(rig, image)
    served = rig.fetched()[1]
    assert served.bytes_sent <= len(image) - written + KEPT


def test_cuts_again_and_again_still_end_with_the_new_version(rig: Rig) -> None:
    image = rig.update("1.1.0", rig.image("1.1.0", size=SIZE))
    for _ in range(4):
        cut_after(rig, 100_000)
    rig.board.power_on()
    resumes(rig, image)
    starts = [d.range_start for d in rig.fetched()]
    assert starts == sorted(starts, key=lambda start: start or 0)
    assert len(set(starts)) == len(starts), "a download made no progress"


def test_damage_below_the_checkpoint_costs_time_but_not_the_update(rig: Rig) -> None:
    image = rig.update("1.1.0", rig.image("1.1.0", size=SIZE))
    cut_after(rig, 200_000)
    slot = bytearray(rig.board.slot_bytes(1))
    slot[50_000] ^= 4
    rig.board.write_slot(1, bytes(slot))
    rig.board.power_on()
    resumes(rig, image)
    assert rig.fetched()[-1].range_start == 0, "it was never fetched anew"


def test_a_slot_that_was_erased_meanwhile_is_fetched_from_the_start(rig: Rig) -> None:
    image = rig.update("1.1.0", rig.image("1.1.0", size=SIZE))
    cut_after(rig, 200_000)
    rig.board.erase_partition("ota_1")
    rig.board.power_on()
    resumes(rig, image)
    assert rig.fetched()[1].range_start == 0


@pytest.mark.parametrize("at", [-4096, 1, 2**31 - 1, SIZE * 2])
def test_a_checkpoint_that_lies_does_no_harm(rig: Rig, at: int) -> None:
    image = rig.update("1.1.0", rig.image("1.1.0", size=SIZE))
    cut_after(rig, 200_000)
    rig.board.nvs_set("alink_ota", "at", at)
    rig.board.power_on()
    resumes(rig, image)


def test_a_checkpoint_of_another_version_is_not_used(rig: Rig) -> None:
    rig.update("1.1.0", rig.image("1.1.0", size=SIZE))
    cut_after(rig, 200_000)
    other = rig.release("1.2.0", rig.image("1.2.0", size=SIZE))
    rig.push("1.2.0", override=True)
    rig.board.power_on()
    rig.ends("1.2.0", "SUCCEEDED")
    assert rig.holds(1, other)
    assert rig.fetched()[1].range_start == 0


def test_a_link_that_expired_while_the_power_was_off_is_replaced(rig: Rig) -> None:
    image = rig.update("1.1.0", rig.image("1.1.0", size=SIZE))
    written = cut_after(rig, 200_000)
    rig.cloud.faults.expire_next = 1
    rig.board.power_on()
    resumes(rig, image)
    assert [d.status for d in rig.fetched()] == [206, 403, 206]
    start = rig.fetched()[-1].range_start
    assert start is not None
    assert start >= written - KEPT


def test_a_server_without_ranges_after_the_reset_does_not_garble_the_image(rig: Rig) -> None:
    image = rig.update("1.1.0", rig.image("1.1.0", size=SIZE))
    cut_after(rig, 200_000)
    rig.cloud.faults.ignore_range = True
    rig.board.power_on()
    resumes(rig, image)


def test_the_secret_part_of_a_link_waits_in_nvs_while_its_file_comes(rig: Rig) -> None:
    """Heap is short then, and a link has 700 characters; it is asked for there after a break."""
    image = rig.update("1.1.0", rig.image("1.1.0", size=SIZE))
    cut_after(rig, 200_000)
    link = rig.board.nvs_get("alink_ota", "link")
    assert isinstance(link, bytes)
    assert b"auth_key=" in link
    rig.cloud.faults.cut_after = 50_000
    rig.cloud.faults.cut_times = 1
    rig.board.power_on()
    resumes(rig, image)
    assert [one.status for one in rig.fetched()[1:]] == [206, 206]


def test_the_link_of_a_job_that_is_refused_after_a_reset_does_not_stay(rig: Rig) -> None:
    rig.update("1.1.0", rig.image("1.1.0", size=SIZE))
    cut_after(rig, 200_000)
    assert "link" in [key for _, key in rig.board.nvs_keys("alink_ota")]
    refusing = app(options="on_job=lambda job: 'not today'")
    rig.board.write_slot(0, rig.image("1.0.0", refusing))
    rig.board.power_on()
    rig.ends("1.1.0", "FAILED")
    rig.board.power_cut()
    assert "link" not in [key for _, key in rig.board.nvs_keys("alink_ota")]


def test_nothing_of_a_finished_update_stays_in_the_journal(rig: Rig) -> None:
    rig.update("1.1.0")
    rig.board.power_on()
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    rig.says("is confirmed")
    rig.board.power_cut()
    # (The rig's own limit, and when this start was.)
    own = {("alink_ota", "prove_ms"), ("alink_ota", "born")}
    assert set(rig.board.nvs_keys("alink_ota")) - own == set()


def test_a_board_that_browns_out_at_the_same_place_does_not_download_for_ever(rig: Rig) -> None:
    rig.board.write_slot(0, rig.image("1.0.0", app(options="max_attempts=1")))
    rig.update("1.1.0", rig.image("1.1.0", size=SIZE))
    rig.cloud.faults.stall_after = 20_000  # so the place is the same, however late the cut is
    for n in range(1, 6):
        rig.board.power_on()
        rig.wait(lambda n=n: served(rig, n) == 20_000, f"download {n}")
        rig.board.power_cut()
    rig.board.power_on()
    desc = rig.ends("1.1.0", "FAILED")
    assert "E49 download-reset: " in desc
    assert [n for n in rig.steps() if n < 0] == [-2]
    assert len(rig.fetched()) == 5
    rig.cloud.faults.stall_after = None
    # It was an attempt.
    rig.push("1.1.0")
    assert "E27 attempts: failed 1 times" in rig.ends("1.1.0", "FAILED")
    rig.update("1.2.0")
    rig.ends("1.2.0", "SUCCEEDED")


def test_a_board_that_is_switched_off_again_and_again_but_gets_further_is_updated(
    rig: Rig,
) -> None:
    image = rig.update("1.1.0", rig.image("1.1.0", size=SIZE))
    for _ in range(7):
        cut_after(rig, KEPT)
    rig.board.power_on()
    resumes(rig, image)


def test_downloads_that_end_without_a_reset_are_no_beginnings_that_count(rig: Rig) -> None:
    # (Not with an ESP32's heap: six failed jobs in a row leave it in pieces, and now and then one
    # is taken alone, whose pauses are not the short ones of this application.)
    rig.board.heap = None
    rig.board.power_on()
    image = rig.release("1.1.0")
    for _ in range(6):
        rig.push("1.1.0", size=len(image) + 100)
        assert "E42 http-length" in rig.ends("1.1.0", "FAILED")
    rig.push("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")
