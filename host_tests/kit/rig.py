"""A board and a cloud on the desk, wired together: what the whole-update tests stand on."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from host_tests.kit.images import make_image
from tools.chip import otadata
from tools.cloud import LocalCloud
from tools.cloud.records import DownloadRequest, Message
from tools.images import build_image
from tools.sim import Board

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "boards" / "ESP32_GENERIC" / "partitions.csv"
PK = "a1B2c3D4e5F"
DN = "greenhouse_07"
HEAP: str | None = None  # the heap of the boards that are made now, as Board has it
PATIENCE_S = 120.0  # for what takes a second or two: a machine may be busy

# An application in the form of micropython/main.py, with short pauses; {body} and {options} differ
# from test to test. WAITS makes the download's pauses short enough to test them.
# A turn ends with a pause also while an update is under way: without one it burns a core for as
# long as it waits for the next piece.
# It makes its Device and sets the clock by itself, as an application may that has no use for
# alink.setup (main.py and the examples are tried with it): so a test can change each step.
APP = """
import time
import network, ntptime
from alink import Device, Updater, trial
from alink.journal import SETTINGS, Store
from version import VERSION

settings = Store(SETTINGS)
ca = settings.get_bytes("ca")
WAITS = dict(retry_min_ms=20, retry_max_ms=100)

def new_device(**options):
    return Device(
        settings.get_text("product_key"), settings.get_text("device_name"),
        settings.get_text("device_secret"), settings.get_text("host"),
        settings.get_int("port"), secure=bool(settings.get_int("secure", 1)), ca=ca, **options)

def network_up():
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    if not wlan.isconnected():
        wlan.connect("ssid", "password")
    while not wlan.isconnected():
        trial.feed()
        time.sleep_ms(10)
    while time.gmtime()[0] < 2024:
        trial.feed()
        try:
            ntptime.settime()
        except OSError as e:
            time.sleep_ms(50)

print("start", VERSION)
{prologue}
network_up()
device = new_device({device})
updater = Updater(device, VERSION, ca=ca, fetch=WAITS, {options})
{setup}
while True:
    updater.poll()
    {loop}
    time.sleep_ms(1 if updater.busy else 5)
"""


def app(
    *, prologue: str = "", device: str = "", options: str = "", setup: str = "", loop: str = "pass"
) -> str:
    """The source of a test application; each part is put where its name says."""
    return (
        APP.replace("{prologue}", prologue)
        .replace("{device}", device)
        .replace("{options}", options)
        .replace("{setup}", setup)
        .replace("{loop}", loop)
    )


@lru_cache(maxsize=4)
def firmware(size: int) -> bytes:
    """A valid app image of about `size` bytes, standing for the firmware."""
    return make_image(size)


class Rig:
    """One cloud, one board provisioned for it, and the images that travel.

    beside: another rig, whose cloud this one's board has, too, under the device name `name`.
    Use it as a context manager: the board is off and its own cloud closed afterwards.
    """

    def __init__(
        self,
        folder: Path,
        *,
        secure: bool = True,
        beside: Rig | None = None,
        name: str = DN,
        **cloud: Any,
    ) -> None:
        self.folder = folder
        self.name = name
        self._beside = beside
        self.cloud: LocalCloud = (
            LocalCloud(folder / "cloud", **cloud) if beside is None else beside.cloud
        )
        self.device = self.cloud.add_device(PK, name)
        self.board = Board.create(folder / "flash.bin", partitions_csv=TABLE, heap=HEAP)
        self.board.install_file("/boot.py", (ROOT / "micropython" / "boot.py").read_bytes())
        self.secure = secure
        self.provision(self.board)

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *_: object) -> None:
        self.board.close()
        if self._beside is None:
            self.cloud.close()

    def provision(self, board: Board) -> None:
        """Give a board what an owner would: identity, host, CA."""
        port = self.cloud.mqtts_port if self.secure else self.cloud.mqtt_port
        settings: dict[str, int | str | bytes] = {
            "product_key": PK,
            "device_name": self.name,
            "device_secret": self.device.secret,
            "host": "127.0.0.1",
            "port": port,
            "secure": int(self.secure),
            "ca": self.cloud.ca_der,
            "wifi_ssid": "roof",
            "wifi_pass": "wifi-password",
        }
        for key, value in settings.items():
            board.nvs_set("alink", key, value)
        board.nvs_set("alink_ota", "prove_ms", 0)  # a minute: where that is not the subject

    def limits(self, **limits: int) -> None:
        """Shorten the trial's limits and starts.py's (trial_ms, prove_ms, pause_ms)."""
        for key, value in limits.items():
            self.board.nvs_set("alink_ota", key, value)

    def image(
        self, version: str, source: str | None = None, size: int = 65536, **options: Any
    ) -> bytes:
        """Build an image of an application (its main.py as text); options: of build_image()."""
        folder = self.folder / f"app-{version}"
        folder.mkdir(exist_ok=True)
        (folder / "main.py").write_text(app() if source is None else source)
        return build_image(firmware(size), folder, version, **options)

    def start(self, version: str = "1.0.0", source: str | None = None) -> None:
        """Put an image into slot 0, switch on, and wait until the cloud knows the version."""
        self.board.write_slot(0, self.image(version, source))
        self.board.power_on()
        self.reports(version)

    def reports(self, version: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the cloud has been told this version."""
        self.wait(
            lambda: self.cloud.version(PK, self.name) == version, f"version {version}", timeout_s
        )

    def release(self, version: str, image: bytes | None = None, **options: Any) -> bytes:
        """Offer an image (one of the test application by default) to the device; returns it."""
        data = self.image(version) if image is None else image
        self.cloud.add_release(PK, version, data, **options)
        return data

    def push(self, version: str, **options: Any) -> None:
        """Push a version that was released."""
        self.cloud.push(PK, self.name, version, **options)

    def update(self, version: str, image: bytes | None = None, **options: Any) -> bytes:
        """Release and push."""
        data = self.release(version, image)
        self.push(version, **options)
        return data

    def ends(self, version: str, state: str, timeout_s: float = PATIENCE_S) -> str:
        """Wait until the task is over; returns its last description."""
        try:
            return self.cloud.wait_task(PK, self.name, version, state, timeout_s).desc
        except Exception as e:
            raise AssertionError(f"{e}\n--- console ---\n{self.board.console_text()}") from None

    def wait(self, predicate: Any, what: str, timeout_s: float = PATIENCE_S) -> Any:
        """Wait for something at the cloud; failing, show the board's console."""
        try:
            return self.cloud.wait_for(predicate, timeout_s, what)
        except Exception as e:
            raise AssertionError(f"{e}\n--- console ---\n{self.board.console_text()}") from None

    def says(self, text: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the board's console has said `text`."""
        self.board.wait_for(
            lambda: text in self.board.console_text(), timeout_s, what=f"the console to say {text}"
        )

    def wait_count(self, text: str, count: int, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the board's console has said `text` that many times."""
        self.board.wait_for(
            lambda: self.board.console_text().count(text) >= count,
            timeout_s,
            what=f"{text!r} said {count} times",
        )

    def steps(self) -> list[int]:
        """The steps that the device reported, in order."""
        return [int(params["step"]) for params in self.progress()]

    def progress(self) -> list[dict[str, Any]]:
        """The params of every progress report the device sent."""
        return [json.loads(m.payload)["params"] for m in self.sent("/ota/device/progress/")]

    def sent(self, topic: str) -> list[Message]:
        """What the device sent on topics that contain `topic`."""
        return [m for m in self.cloud.messages if m.direction == "up" and topic in m.topic]

    def fetched(self) -> list[DownloadRequest]:
        """Every download request so far."""
        return self.cloud.downloads

    def holds(self, slot: int, image: bytes) -> bool:
        """Whether a slot's flash begins with exactly this image."""
        return self.board.slot_bytes(slot)[: len(image)] == image

    def boots_slot(self) -> int:
        """The slot that the boot ROM would start next (by the newest usable otadata entry)."""
        entries = [e for e in self.board.otadata() if e.usable()]
        return max(entries, key=lambda e: e.seq).slot(2) if entries else 0

    def confirmed(self, slot: int, timeout_s: float = PATIENCE_S) -> None:
        """Wait until this slot is the one that boots, and marked valid."""

        def valid() -> bool:
            entries = [e for e in self.board.otadata() if e.usable()]
            newest = max(entries, key=lambda e: e.seq)
            return newest.slot(2) == slot and newest.state == otadata.VALID

        self.board.wait_for(valid, timeout_s, what=f"slot {slot} to be confirmed")

    def untouched(self, slot: int = 1) -> bool:
        """Whether nothing has been written to a slot since it was erased."""
        return self.board.slot_bytes(slot).count(0xFF) == self.board.partition("ota_1").size
