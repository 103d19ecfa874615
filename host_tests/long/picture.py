"""make picture: docs/page.png, the stand-in's page with a fleet of which one device fell back.

The devices are bytes on sockets (host_tests/kit/raw_mqtt.py); the page and its server are real.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack

from playwright.sync_api import expect

from host_tests.kit.browser import browser, find
from host_tests.kit.raw_mqtt import PK, SECRET, RawDevice
from host_tests.kit.rig import ROOT
from tools.cloud import LocalCloud

FILE = ROOT / "docs" / "page.png"
WIDTH, HEIGHT = 900, 930
FELL = "E92 trial-watchdog: 1.1.0 fell (boots 1, watchdog): the application stood still"
NAMES = (*(f"bed_{n}" for n in range(1, 5)), "cellar", "roof_1", "roof_2", "seedlings")
ASLEEP = "roof_2"
# What becomes of 1.1.0 on each of them; the rest is asleep.
STEPS = {"bed_1": 100, "bed_3": 64, "bed_4": 12, "cellar": None}
GOOD = ("bed_2", "roof_1", "roof_2")
BAD = "seedlings"


class Grower(RawDevice):
    """A device of this name, signed in."""

    def __init__(self, cloud: LocalCloud, name: str) -> None:
        super().__init__(cloud, tls=True)
        self._name = name
        assert self.connect(dn=name) == 0
        assert self.subscribe(f"/ota/device/upgrade/{PK}/{name}") == [0]

    def tell(self, what: str, **params: str) -> None:
        """Report a version ("inform") or progress, and see that it has arrived."""
        self.publish(f"/ota/device/{what}/{PK}/{self._name}", {"id": "1", "params": params})
        self.ping()


def fleet(cloud: LocalCloud, stack: ExitStack) -> None:
    """Make devices, and a rollout that is under way."""
    for name in NAMES:
        cloud.add_device(PK, name, SECRET)
    for version in ("1.0.0", "1.1.0"):
        cloud.add_release(PK, version, version.encode())
    there = {name: Grower(cloud, name) for name in (*STEPS, *GOOD, BAD)}
    for device in there.values():
        stack.enter_context(device)
        device.tell("inform", version="1.0.0")
    cloud.batch(PK, "1.1.0", devices=(*STEPS, *GOOD, BAD))
    for name, device in there.items():
        device.message()  # the push
        step = STEPS.get(name, 100)
        if step is not None:
            device.tell("progress", step=str(step), desc="downloading" if step < 100 else "stored")
        if name in GOOD:
            device.tell("inform", version="1.1.0")
        if name == BAD:
            device.tell("progress", step="-1", desc=FELL)
            device.tell("inform", version="1.0.0")
    there[ASLEEP].sock.close()
    cloud.wait_for(lambda: not cloud.online(PK, ASLEEP), what="a device that goes to sleep")


def main() -> int:
    """0 when the picture is made."""
    if find() is None:
        print("picture: there is no chromium; Debian: apt-get install chromium", file=sys.stderr)
        return 1
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCloud(folder, page_port=0) as cloud,
        ExitStack() as stack,
        browser() as started,
    ):
        fleet(cloud, stack)
        page = started.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", timezone_id="UTC"
        )
        page.goto(cloud.page_url)
        expect(page.locator("#link")).to_have_text("live")
        FILE.write_bytes(page.screenshot(full_page=False))
    print(f"{FILE.relative_to(ROOT)}: {FILE.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
