"""What a board of the demo is given before it is switched on, and what it shows afterwards."""

from __future__ import annotations

from pathlib import Path

from tools.chip import otadata
from tools.cloud import LocalCloud
from tools.sim import Board

ROOT = Path(__file__).resolve().parents[2]
PK = "a1B2c3D4e5F"
CRASH = "raise ValueError('calibration table is missing')\n"
_PROVE_MS = 2000  # a minute, where nobody watches


def provision(board: Board, cloud: LocalCloud, name: str) -> None:
    """What an owner gives a board: who it is, where its cloud is, whom to trust."""
    device = cloud.add_device(PK, name)
    settings: dict[str, int | str | bytes] = {
        "product_key": PK,
        "device_name": name,
        "device_secret": device.secret,
        "host": "127.0.0.1",
        "port": cloud.mqtts_port,
        "ca": cloud.ca_der,
        "wifi_ssid": "desk",
        "wifi_pass": "not needed here",
    }
    for key, value in settings.items():
        board.nvs_set("alink", key, value)
    board.nvs_set("alink_ota", "prove_ms", _PROVE_MS)


def install_loader(board: Board) -> None:
    """The one file that is installed once, by cable."""
    board.install_file("/boot.py", (ROOT / "micropython" / "boot.py").read_bytes())


def confirmed(board: Board, slot: int) -> bool:
    """Whether this slot is the newest bootable one and has been marked valid."""
    newest = max((e for e in board.otadata() if e.usable()), key=lambda e: e.seq)
    return newest.slot(2) == slot and newest.state == otadata.VALID
