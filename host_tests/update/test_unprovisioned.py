"""A board that nobody gave its settings yet."""

from __future__ import annotations

from host_tests.kit.rig import ROOT, Rig

MAIN = (ROOT / "micropython" / "main.py").read_text(encoding="utf-8")


def test_a_new_board_says_what_it_waits_for_instead_of_a_traceback(rig: Rig) -> None:
    board = rig.board
    for key in ("wifi_ssid", "product_key", "device_name", "host"):
        board.nvs_erase("alink", key)
    board.write_slot(0, rig.image("1.0.0", MAIN))
    board.power_on()
    rig.says("this board has no wifi_ssid yet: flash.py provision sets it")
    board.power_cut()
    # With a Wi-Fi alone it waits for its identity.
    board.nvs_set("alink", "wifi_ssid", "roof")
    board.power_on()
    rig.says("this board has no product_key yet")
    board.power_cut()
    rig.provision(board)
    board.power_on()
    rig.says("version 1.0.0")
    assert "Traceback" not in board.console_text()
    assert [boot.ended for boot in board.boots[:2]] == ["power", "power"]
