"""A whole update on a board: confirmed, and then one that crashes and falls back.

The board's settings are replaced: it gets the identity of a device of tools/cloud.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.kit.device_process import ROOT
from host_tests.kit.serial_rig import flash
from host_tests.metal.transport import Metal
from tools.cloud import LocalCloud
from tools.images import build_image, examine

PK, DN = "a1MetalTest", "board_on_the_desk"
_SIGN_IN_S = 90.0
_UPDATE_S = 600.0
CRASH = "raise RuntimeError('made to fall back')\n"


class Bench:
    """A cloud that the board reaches, and the images for it."""

    def __init__(self, config: pytest.Config, metal: Metal, folder: Path) -> None:
        self.host: str = config.getoption("--host-ip") or pytest.skip("needs --host-ip A")
        firmware = config.getoption("--firmware") or pytest.skip(
            "needs --firmware FILE: the MicroPython of the images"
        )
        self.firmware = Path(firmware).read_bytes()
        self.wifi: str | None = config.getoption("--wifi")
        self.port, self.folder = metal.port, folder
        self.cloud = LocalCloud(folder / "cloud", listen=self.host, public=self.host)
        # This test restarts the board more often than the platform would put up with.
        self.cloud.faults.connects_per_minute = None
        self.device = self.cloud.add_device(PK, DN)

    def verb(self, name: str, *arguments: str | Path) -> str:
        """Run a verb of tools/flash.py; it must succeed."""
        code, said = flash(name, "--port", self.port, *map(str, arguments))
        assert code == 0, said
        return said

    def provision(self) -> None:
        """The identity in this cloud, and the Wi-Fi if one was named."""
        (self.folder / "ca.der").write_bytes(self.cloud.ca_der)
        lines = [
            f"product_key = {PK}",
            f"device_name = {DN}",
            f"device_secret = {self.device.secret}",
            f"host = {self.host}",
            f"port = {self.cloud.mqtts_port}",
            "secure = 1",
            "ca = ca.der",
        ]
        if self.wifi:
            name, _, password = self.wifi.partition(":")
            lines += [f"wifi_ssid = {name}", f"wifi_pass = {password}"]
        path = self.folder / "board.env"
        path.write_text("\n".join(lines) + "\n")
        self.verb("provision", "--file", path)

    def application(self, name: str, source: str) -> Path:
        """A folder with that main.py."""
        folder = self.folder / name
        folder.mkdir()
        (folder / "main.py").write_text(source)
        return folder

    def update(self, version: str, source: str, state: str) -> str:
        """Release and push an application; the description its task ends with."""
        chip = examine(self.firmware).image.chip
        image = build_image(
            self.firmware, self.application(version, source), version, chip=chip or "esp32"
        )
        self.cloud.add_release(PK, version, image)
        self.cloud.push(PK, DN, version)
        return self.cloud.wait_task(PK, DN, version, state, _UPDATE_S).desc

    def signs_in(self, version: str) -> None:
        """Wait until the board runs this version and has nothing more to report.

        Then it asks whether there is a job: three seconds after its report has been taken, and on
        trial after it has been confirmed. Before, an interruption would hit a trial.
        """
        self.cloud.wait_for(lambda: self._asked_as(version), _SIGN_IN_S, f"{version} to settle")

    def _asked_as(self, version: str) -> bool:
        up = [m for m in self.cloud.messages if m.direction == "up" and DN in m.topic]
        reports = [n for n, m in enumerate(up) if "/ota/device/inform/" in m.topic]
        if not reports or json.loads(up[reports[-1]].payload)["params"]["version"] != version:
            return False
        return any(m.topic.endswith("/ota/firmware/get") for m in up[reports[-1] :])


@pytest.fixture
def bench(request: pytest.FixtureRequest, metal: Metal, tmp_path: Path) -> Iterator[Bench]:
    metal.release()
    bench = Bench(request.config, metal, tmp_path)
    yield bench
    bench.cloud.close()


def test_a_board_takes_an_update_and_comes_back_from_a_bad_one(bench: Bench) -> None:
    program = (ROOT / "micropython" / "main.py").read_text()
    bench.provision()
    bench.verb("deploy", bench.application("dev", program))
    assert "VERDICT: PASS" in bench.verb("selftest")

    bench.update("1.1.0", program, "SUCCEEDED")
    bench.signs_in("1.1.0")
    said = bench.verb("status")
    assert re.search(r"version 1\.1\.0, valid, RUNNING", said), said
    assert "/dev_app" not in said  # the job that was accepted ended it

    why = bench.update("1.2.0", CRASH, "FAILED")
    assert "trial-crashed" in why
    assert "made to fall back" in why
    said = bench.verb("status")
    assert re.search(r"version 1\.1\.0, valid, RUNNING", said), said
    assert re.search(r"version 1\.2\.0, fell back", said), said
