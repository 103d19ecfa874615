"""What is told of a download has to be loaded: when that costs a board nothing that it needs."""

from __future__ import annotations

from pathlib import Path

from host_tests.kit import alp
from host_tests.kit.packed import SIZE, running
from host_tests.kit.rig import Rig, app
from tools.images.application import ALINK
from tools.images.homes import dotted, of

PLACES = dotted(of(ALINK))  # in an image
PROGRESS = PLACES["job.progress"]
OF_PACKAGES = [f"alink.{PLACES[name]}" for name in ("job.origin", "job.unpack")]

WATCH = f"""
import sys
from alink import parts
plain_use = parts.use
def use(name):
    if name == {PROGRESS!r} and "alink." + name not in sys.modules:
        print("loads what tells")
    return plain_use(name)
parts.use = use
"""
LOOK = f"""if {"alink." + PROGRESS!r} in sys.modules:
        for name in {OF_PACKAGES}:
            if name in sys.modules:
                print("beside a package")
"""


def loads(rig: Rig) -> int:
    return rig.board.console_text().count("loads what tells")


def test_a_report_leaves_nothing_beside_a_package_where_there_is_the_least_room(
    tmp_path: Path,
) -> None:
    source = app(setup=WATCH, loop=LOOK)
    with Rig(tmp_path) as rig:
        rig.cloud.faults.uplink_qos0_per_s = None
        old = running(rig, source)
        image = rig.image("1.1.0", source, size=SIZE)
        package = alp.difference(image, old)
        assert len(package) < 512  # all of it has come when its source is still to be read
        rig.cloud.faults.drip_bytes = len(package) // 6
        rig.cloud.faults.drip_delay_s = 0.5
        rig.update("1.1.0", package, isDiff=1)
        rig.ends("1.1.0", "SUCCEEDED")
        assert rig.holds(1, image)
        told = [int(one["step"]) for one in rig.progress()]
        assert [step for step in told if 1 < step < 100], "nothing was told meanwhile"
        assert "beside a package" not in rig.board.console_text()


def test_a_package_taken_in_turn_loads_nothing_for_reports_that_cannot_be_sent(
    tmp_path: Path,
) -> None:
    source = app(setup=WATCH, options='way="in turn"')
    with Rig(tmp_path) as rig:
        running(rig, source)
        image = rig.image("1.1.0", source)
        package = alp.compressed(image)
        rig.cloud.faults.drip_bytes = len(package) // 12
        rig.cloud.faults.drip_delay_s = 0.5
        rig.update("1.1.0", package)
        rig.ends("1.1.0", "SUCCEEDED")
        assert rig.holds(1, image)
        assert loads(rig) <= 2  # with the first report, and for what begins every download
