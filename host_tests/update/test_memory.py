"""Whole updates with the memory of an ESP32 without PSRAM: each takes the way it can."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from host_tests.kit.rig import DN, PK, Rig, app

pytestmark = pytest.mark.usefixtures("plain_sim")
SIZE = 100_000  # bytes of firmware
REFERENCE = Path(__file__).resolve().parents[2] / "micropython" / "main.py"


def holding(kib: int, way: str | None = None) -> str:
    """The test application, which holds so much memory from its start; the reference for none."""
    if not kib:
        return REFERENCE.read_text()
    held = f"HELD = [bytearray(1024) for _ in range({kib})]"
    return app(prologue=held, options=f"way={way!r}" if way else "")


@pytest.mark.parametrize(("kib", "way"), [(0, "beside"), (30, "in turn"), (30, "alone")])
def test_an_update_fits_beside_what_an_application_holds(
    tmp_path: Path, kib: int, way: str
) -> None:
    with Rig(tmp_path) as rig:
        rig.board.heap = "esp32"
        source = holding(kib, "alone" if way == "alone" else None)
        rig.start("1.0.0", source)
        # Idle: beside what is said after a sign-in there is less, and it would go in turn.
        rig.wait(lambda: rig.sent("/firmware/get"), "the query that follows the report")
        image = rig.update("1.1.0", rig.image("1.1.0", source, SIZE))
        rig.ends("1.1.0", "SUCCEEDED", 120)
        rig.confirmed(1)
        assert rig.holds(1, image)
        text = rig.board.console_text()
        assert f"taken {way}: " in text, text
        assert "WiFi Out of Memory" not in text
        said = [params["desc"] for params in rig.progress()]
        assert any(way in desc for desc in said), said
        assert all(step > 0 for step in rig.steps())


# Each esp32.NVS takes memory of the IDF heap until a reset: MicroPython closes none.
COUNTED = """
import esp32

OPENED = []

class Counted(esp32.NVS):
    def __init__(self, namespace):
        OPENED.append(namespace)
        super().__init__(namespace)

esp32.NVS = Counted
"""


def test_no_job_and_no_sign_in_leaves_a_handle_of_nvs_behind(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        said = "on_state=lambda state: print('opened', len(OPENED), 'in', state)"
        rig.start("1.0.0", app(prologue=COUNTED, options=said))
        for n in range(3):
            rig.update(f"1.1.{n}", signMethod="SHA256", sign="0" * 64, md5=None)
            rig.ends(f"1.1.{n}", "FAILED")
            rig.wait_count("in idle", n + 2)
            seen = len(rig.cloud.sign_ins)
            assert rig.cloud.kick(PK, DN)
            rig.wait(lambda seen=seen: len(rig.cloud.sign_ins) > seen, "another sign-in")
        counts = re.findall(r"opened (\d+) in idle", rig.board.console_text())
        assert counts[1:] == counts[1:2] * 3, counts
        assert int(counts[-1]) <= 3
