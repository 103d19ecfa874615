"""Beside, in turn, alone: an update fits into what memory the application leaves, and says how."""

from __future__ import annotations

from pathlib import Path

from host_tests.kit.archives import tar
from host_tests.kit.rig import DN, PK, Rig, app

BIG = 300_000  # bytes of firmware: there is a middle of the download to act in


def in_turn(**parts: str) -> str:
    """The test application, with its way fixed."""
    return app(options='way="in turn", ' + parts.pop("options", ""), **parts)


def alone(**parts: str) -> str:
    """The test application, which says when it runs."""
    return app(options='way="alone", ' + parts.pop("options", ""), **parts)


def new(rig: Rig, source: str, size: int = BIG) -> bytes:
    return rig.image("1.1.0", source, size)


def succeeds(rig: Rig, image: bytes) -> None:
    rig.ends("1.1.0", "SUCCEEDED")
    assert rig.holds(1, image)
    assert [n for n in rig.steps() if n < 0] == []
    rig.confirmed(1)


def is_damaged(rig: Rig) -> None:
    """1.1.0 has another digest than its job says, and fails."""
    rig.update("1.1.0", sign="0" * 32, md5="0" * 32)
    assert "digest" in rig.ends("1.1.0", "FAILED")


def journal(rig: Rig) -> list[str]:
    """What the update left in NVS."""
    keys = [key for _, key in rig.board.nvs_keys("alink_ota")]
    return [key for key in ("alone", "alone_n", "trial") if key in keys]


def test_in_turn_the_session_ends_before_the_download_and_stands_again_for_the_report(
    tmp_path: Path,
) -> None:
    source = in_turn(
        setup="turns = 0\nseen = 0",
        loop="turns += 1\n    if updater.state == 'downloading' and not device.connected and "
        "turns % 20 == 0 and seen < 3:\n        seen += 1\n        print('the loop runs on')",
    )
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", source)
        image = rig.update("1.1.0", new(rig, source))
        succeeds(rig, image)
        said = [params["desc"] for params in rig.progress()]
        assert said[0] == "downloading, in turn", said
        assert said[-1].endswith(" blocks written, restarting"), said
        signed_off = [n for n in rig.cloud.notes if n.text == "signed off"]
        assert len(signed_off) == 2, "for the download, and before the restart"
        rig.wait_count("signed in as", 3)
        text = rig.board.console_text()
        assert "taken in turn" in text
        assert "the loop runs on" in text
        # Signed off, then the one connection of the download, then signed in again.
        order = [
            text.index("taken in turn"),
            text.index("download from byte 0"),
            text.index("signed in as", text.index("download from byte 0")),
            text.index("rom: rst:0x2"),
        ]
        assert order == sorted(order), text


def test_in_turn_an_expired_link_is_replaced_over_a_session_of_its_own(tmp_path: Path) -> None:
    source = in_turn()
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", source)
        image = rig.release("1.1.0", new(rig, source))
        rig.cloud.faults.expire_next = 1
        rig.push("1.1.0")
        succeeds(rig, image)
        rig.wait_count("signed in as", 4)  # 1.0.0, for the link, for the report, 1.1.0
        assert "asking for a fresh one" in rig.board.console_text()


def test_in_turn_a_failed_download_is_reported_over_a_new_session(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", in_turn())
        is_damaged(rig)
        rig.wait(lambda: rig.cloud.listens(PK, DN), "the session to stand")
        assert rig.boots_slot() == 0


def test_alone_an_update_needs_nothing_of_the_application(tmp_path: Path) -> None:
    source = alone()
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", source)
        image = rig.update("1.1.0", new(rig, source))
        succeeds(rig, image)
        text = rig.board.console_text()
        first = text.index("start 1.0.0")
        left_out = text.index("an update without the application, try 1")
        assert "start" not in text[left_out : text.index("boots next")]
        assert first < left_out < text.index("start 1.1.0")
        assert "restarting to download alone" in [p["desc"] for p in rig.progress()]
        rig.says("version 1.1.0 is confirmed")  # its record is gone, too
        rig.board.power_cut()
        assert journal(rig) == []


def test_alone_a_power_cut_goes_on_where_it_was(tmp_path: Path) -> None:
    source = alone()
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", source)
        rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 4096, 0.02
        image = rig.update("1.1.0", new(rig, source))
        rig.says("an update without the application, try 1")
        rig.wait(lambda: rig.fetched() and rig.board.slot_bytes(1)[150_000] != 0xFF, "half of it")
        rig.board.power_cut()
        rig.cloud.faults.drip_bytes = 0
        rig.board.power_on()
        succeeds(rig, image)
        assert "an update without the application, try 2" in rig.board.console_text()
        assert "were fetched before" in rig.board.console_text()


def test_alone_a_job_that_was_cancelled_leads_back_to_the_application(tmp_path: Path) -> None:
    source = alone()
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", source)
        rig.board.wifi = "absent"
        rig.update("1.1.0", new(rig, source))
        rig.says("an update without the application, try 1")
        rig.cloud.cancel(PK, DN, "1.1.0")
        rig.board.wifi = "ok"
        rig.wait_count("start 1.0.0", 2, 120)
        assert "back to the application: the job is offered no more" in rig.board.console_text()
        rig.board.power_cut()
        assert journal(rig) == []


def test_alone_three_starts_that_come_to_nothing_lead_back_to_the_application(
    tmp_path: Path,
) -> None:
    source = alone()
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", source)
        rig.board.wifi = "absent"
        rig.update("1.1.0", new(rig, source))
        for n in (1, 2, 3):
            rig.says(f"an update without the application, try {n}")
            rig.board.power_cut()
            if n == 3:
                rig.board.wifi = "ok"
            rig.board.power_on()
        rig.wait_count("start 1.0.0", 2)
        assert "given up after 3 tries" in rig.board.console_text()


def test_alone_an_image_that_fails_leads_back_to_the_application(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", alone())
        is_damaged(rig)
        rig.wait_count("start 1.0.0", 2)
        assert "back to the application: the update failed" in rig.board.console_text()
        assert rig.boots_slot() == 0


def test_in_turn_a_download_over_mqtt_keeps_its_session(tmp_path: Path) -> None:
    source = in_turn()
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", source)
        image = rig.update("1.1.0", rig.image("1.1.0", source, 4096), scheme="mqtt")
        succeeds(rig, image)
        assert "taken beside" in rig.board.console_text()


def test_alone_two_updates_follow_one_another(tmp_path: Path) -> None:
    source = alone()
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", source)
        rig.update("1.1.0", rig.image("1.1.0", source))
        rig.ends("1.1.0", "SUCCEEDED")
        rig.confirmed(1)
        rig.update("1.2.0", rig.image("1.2.0", source))
        rig.ends("1.2.0", "SUCCEEDED")
        rig.confirmed(0)


def test_alone_without_wifi_in_the_settings_is_no_matter_of_memory(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.board.nvs_erase("alink", "wifi_ssid")
        rig.start("1.0.0", alone())
        rig.update("1.1.0")
        desc = rig.ends("1.1.0", "FAILED")
        assert " config: alone only with wifi_ssid in NVS" in desc, desc


def test_a_module_is_never_taken_without_its_application(tmp_path: Path) -> None:
    source = alone(
        prologue="from alink import FilesTarget",
        setup='updater.module("assets", FilesTarget("/assets"), "0")',
    )
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", source)
        rig.wait(lambda: rig.cloud.version(PK, DN, "assets") == "0", "the module's version")
        rig.cloud.add_release(PK, "a1", tar({"n": b"1"}), module="assets")
        rig.cloud.push(PK, DN, "a1", module="assets")
        rig.ends("a1", "SUCCEEDED")
        assert "taken beside" in rig.board.console_text()
        assert len(rig.board.boots) == 1
