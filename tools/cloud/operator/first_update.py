"""The commands that bring a board from its bag to its first update, as they are typed here."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from tools.cli import worded

PRODUCT_KEY, DEVICE_NAME = "a1B2c3D4e5F", "greenhouse_07"
BOARD, FIRMWARE = "ESP32_GENERIC", "1.27.0"
_MAIN = Path(__file__).resolve().parents[3] / "micropython" / "main.py"
_FOLDER = Path(".cloud")


def commands(folder: Path) -> list[str]:
    """What is typed beside `serve`, with this machine's own paths; seven at most.

    folder: the stand-in's. Everything that is made lies in the current folder.
    """
    cloud = "python -m tools.cloud"
    at = _at(folder)
    settings, release = f"{DEVICE_NAME}.env", "release-1.1.0.bin"
    main = shlex.quote(os.path.relpath(_MAIN) if _MAIN.is_relative_to(Path.cwd()) else str(_MAIN))
    return [
        worded(line)
        for line in (
            f"mkdir my_app && cp {main} my_app",
            f"{cloud} device add {PRODUCT_KEY} {DEVICE_NAME} --settings {settings}{at}",
            f"python tools/flash.py flash --board {BOARD} --firmware {FIRMWARE} --app my_app "
            f"--version 1.0.0 --provision {settings}",
            f"python tools/image.py build --firmware {BOARD}-*-v{FIRMWARE}.bin --app my_app "
            f"--version 1.1.0 -o {release}",
            f"{cloud} release add {PRODUCT_KEY} 1.1.0 {release}{at}",
            f"{cloud} push {PRODUCT_KEY} {DEVICE_NAME} 1.1.0{at}",
            f"{cloud} watch{at}",
        )
    ]


def for_the_network(public: str, folder: Path) -> str:
    """How `serve` is started, with this folder, for boards that are not on this machine."""
    return worded(
        f"python -m tools.cloud serve --listen 0.0.0.0 --public {public} --mqtts-port 8883"
        + _at(folder)
    )


def _at(folder: Path) -> str:
    return "" if folder == _FOLDER else f" --folder {shlex.quote(str(folder))}"
