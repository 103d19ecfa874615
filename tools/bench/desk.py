"""Boards and a cloud on the desk, provisioned for each other: where every measurement starts."""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from tools.bench.server import Server
from tools.dev import stock
from tools.images import build_image
from tools.images.application import ALINK
from tools.images.homes import of, told
from tools.sim import Board

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = Path(__file__).resolve().parent / "apps"
PK = "a1B2c3D4e5F"
SMALL = 65536  # bytes of the firmware in a small image
MARK = "bench "
# What takes packets apart is machine code, as on an ESP32, where the desk's processor has some.
PROCESSOR = "x64" if platform.machine() == "x86_64" else None


@lru_cache(maxsize=4)
def firmware(small: bool) -> bytes:
    """The firmware that travels: a stock one, or a valid image of 64 KiB."""
    return stock.synthetic_app(SMALL) if small else stock.app_image().data


class Desk:
    """A folder, a cloud, and what makes boards for it. A context manager: ends what it started."""

    def __init__(self, small: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.small = small
        self.server = Server(self.folder / "cloud")
        self._boards: list[Board] = []

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *exc: object) -> None:
        for board in self._boards:
            board.close()
        self.server.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def image(self, version: str, app: str = "reference", small: bool | None = None) -> bytes:
        """An image of one of apps/, or of micropython/main.py."""
        source = ROOT / "micropython" / "main.py" if app == "reference" else APPS / f"{app}.py"
        folder = self.folder / f"{app}-app"
        folder.mkdir(exist_ok=True)
        # What looks at modules looks at those of an image.
        text = told(source.read_bytes(), app, of(ALINK))
        (folder / "main.py").write_bytes(text)
        if b"import common\n" in text:
            shutil.copy(APPS / "common.py", folder)
        part = firmware(self.small if small is None else small)
        return build_image(part, folder, version, processor=PROCESSOR)

    def board(self, name: str, *, secure: bool = True, **settings: Any) -> Board:
        """A board with loader and identity, nothing in its slots, switched off."""
        board = Board.create(self.folder / f"{name}.bin", **settings)
        self._boards.append(board)
        board.install_file("/boot.py", (ROOT / "micropython" / "boot.py").read_bytes())
        self.provision(board, name, secure=secure)
        return board

    def provision(self, board: Board, name: str, *, secure: bool = True) -> None:
        """What an owner gives a board."""
        values: dict[str, int | str | bytes] = {
            "product_key": PK,
            "device_name": name,
            "device_secret": str(self.server.call("add_device", PK, name)),
            "host": "127.0.0.1",
            "port": self.server.ports["mqtts" if secure else "mqtt"],
            "secure": int(secure),
            "allow_http": int(not secure),
            "ca": self.server.ca_der,
            "wifi_ssid": "desk",
            "wifi_pass": "not needed here",
        }
        for key, value in values.items():
            board.nvs_set("alink", key, value)
        board.nvs_set("alink_ota", "prove_ms", 0)  # not of what is measured

    def release(self, version: str, image: bytes) -> None:
        """Offer an image as a version."""
        path = self.folder / f"release-{version}.bin"
        path.write_bytes(image)
        self.server.call("add_release", PK, version, str(path))

    def push(self, name: str, version: str, *, secure: bool = True, **options: Any) -> None:
        """Push a version that was released to one board."""
        scheme = "https" if secure else "http"
        self.server.call("push", PK, name, version, **{"scheme": scheme, **options})

    def reports(self, name: str, version: str, board: Board, timeout_s: float = 30) -> None:
        """Wait until this board has reported this version."""
        board.wait_for(
            lambda: self.server.call("version", PK, name) == version,
            timeout_s,
            f"{name} to report {version}",
        )

    def link(self, name: str, version: str, *, secure: bool = True) -> str:
        """A signed link."""
        scheme = "https" if secure else "http"
        return str(self.server.call("link", PK, name, version, scheme=scheme))


def said(board: Board, what: str) -> list[Any]:
    """Everything the board's application has said under this name so far (JSON)."""
    start = f"{MARK}{what} "
    lines = board.console_text().split("\n")[:-1]
    return [json.loads(line[len(start) :]) for line in lines if line.startswith(start)]


def wait_said(board: Board, what: str, count: int = 1, timeout_s: float = 120) -> Any:
    """Wait until it has been said `count` times; the last of these."""
    board.wait_for(
        lambda: len(said(board, what)) >= count, timeout_s, f"{what} said {count} times"
    )
    return said(board, what)[count - 1]


def median(values: list[float]) -> float:
    """The middle one (of an even count: the upper one of the two)."""
    return sorted(values)[len(values) // 2]


Say = Callable[[str], None]
