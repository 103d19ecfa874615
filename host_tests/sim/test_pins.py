"""Pins, ADC and Ethernet of the board on the desk: what a chip refuses is refused."""

from __future__ import annotations

import pytest

from host_tests.kit.sim_desk import run, start
from tools.sim import Board

HEAD = """
import machine, network
from machine import ADC, Pin
def error(f, *args, **settings):
    try:
        f(*args, **settings)
    except Exception as e:
        return "%s %s" % (type(e).__name__, e)
"""
LAN = "network.LAN, mdc=23, mdio=18, phy_type=network.PHY_LAN8720, phy_addr=0"


def test_a_pin_reads_what_it_is_connected_to_and_else_its_pull(board: Board) -> None:
    board.pin(4, 0)
    text = run(
        board,
        HEAD + "print(Pin(4, Pin.IN, Pin.PULL_UP)(), Pin(5, Pin.IN, Pin.PULL_UP).value(), "
        "Pin(12, Pin.IN)(), Pin(13)(), Pin(4) is Pin(4))",
    )
    assert "0 1 0 0 True" in text


def test_a_button_pressed_while_the_program_runs_is_seen(board: Board) -> None:
    start(
        board,
        HEAD + "button = Pin(4, Pin.IN, Pin.PULL_UP)\nprint('ready')\n"
        "while button(): pass\nprint('pressed')",
    )
    board.wait_for(lambda: "ready" in board.console_text(), what="program")
    board.pin(4, 0)
    board.wait_for(lambda: "pressed" in board.console_text(), what="button")


def test_an_output_has_what_the_program_gives_it(board: Board) -> None:
    board.pin(2, 0)
    text = run(
        board,
        HEAD + "led = Pin(2, Pin.OUT, value=1)\nprint(led(), end=' ')\nled.toggle()\n"
        "print(led.value(), end=' ')\nled.on()\nprint(led())",
    )
    assert "1 0 1" in text


def test_what_no_pin_can_do_is_refused(board: Board) -> None:
    text = run(
        board,
        HEAD + "print(error(Pin, 24), error(Pin, 6), error(Pin, 34, Pin.OUT), error(ADC, 5))",
    )
    assert (
        "ValueError invalid pin ValueError invalid pin ValueError pin can only be input "
        "ValueError invalid pin" in text
    )


def test_an_adc_reads_and_wi_fi_takes_half_of_them_away(board: Board) -> None:
    board.pin(34, 1)
    text = run(
        board,
        HEAD + "print(ADC(34).read_u16(), ADC(Pin(35), atten=ADC.ATTN_11DB).read_uv(), "
        "ADC(34, atten=ADC.ATTN_11DB).read_uv(), ADC(4).read())\n"
        "network.WLAN(network.STA_IF).active(True)\n"
        "print(error(ADC(4).read_u16), ADC(34).read())",
    )
    assert "65535 0 2450000 0" in text
    assert "OSError (116, 'ESP_ERR_TIMEOUT') 4095" in text


def test_a_board_without_a_phy_has_no_ethernet(board: Board) -> None:
    text = run(board, HEAD + f"print(error({LAN}))")
    assert "OSError esp_eth_driver_install failed" in text


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("network.LAN", "TypeError"),
        ("network.LAN, 1, phy_type=0, phy_addr=0", "invalid LAN interface identifier"),
        ("network.LAN, phy_type=0, phy_addr=32", "invalid phy address"),
        ("network.LAN, phy_type=99, phy_addr=0", "invalid phy type"),
        ("network.LAN, phy_type=1, phy_addr=0", "mdc and mdio must be specified"),
        ("network.LAN, mdc=99, mdio=18, phy_type=1, phy_addr=0", "invalid pin"),
    ],
)
def test_ethernet_with_wrong_arguments_is_refused(board: Board, arguments: str, why: str) -> None:
    board.ethernet = "ok"
    assert why in run(board, HEAD + f"print(error({arguments}))")


def test_names_are_found_by_a_cable_when_it_is_in_and_the_interface_is_up(board: Board) -> None:
    board.wifi, board.ethernet = "absent", "unplugged"
    start(
        board,
        HEAD + f"import socket\nfound = lambda: error(socket.getaddrinfo, '127.0.0.1', 80)\n"
        f"lan = {LAN.replace(',', '(', 1)})\nprint(found(), lan.isconnected())\n"
        "lan.active(True)\nwhile lan.status() != network.ETH_STARTED: pass\nprint('waits')\n"
        "while not lan.isconnected(): pass\nprint(found(), lan is network.LAN())",
    )
    board.wait_for(lambda: "waits" in board.console_text(), what="program")
    board.ethernet = "ok"
    board.wait_for(lambda: "None True" in board.console_text(), what="cable")
    assert "OSError 118 False" in board.console_text()
