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


GROWING = """
HELD = []
since = time.ticks_ms()

def grow():
    global since
    if not device.connected or updater.busy:
        since = time.ticks_ms()
    if not HELD and time.ticks_diff(time.ticks_ms(), since) > 1000:
        HELD.extend([bytearray(1000) for _ in range(40)])
        print("it holds", sum(map(len, HELD)))
"""


def test_an_application_that_grows_while_it_is_signed_in_leaves_the_link_what_it_needs(
    tmp_path: Path,
) -> None:
    # A growth takes 56 KiB, and without the reserve it would have: 9,500 bytes are left then, of
    # which a handshake and what arrives find too few pieces on a chip.
    with Rig(tmp_path) as rig:
        rig.board.heap = "esp32"
        rig.start("1.0.0", app(prologue=GROWING, loop="grow()"))
        rig.says("it holds 40000")
        figures = rig.board.boots[-1].heap
        assert figures is not None
        assert figures.growths == 1
        assert figures.python_size < 57_345 + 56_400
        image = rig.update("1.1.0", rig.image("1.1.0", REFERENCE.read_text(), SIZE))
        rig.ends("1.1.0", "SUCCEEDED", 120)
        rig.confirmed(1)
        assert rig.holds(1, image)
        assert "taken in turn: " in rig.board.console_text()


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
