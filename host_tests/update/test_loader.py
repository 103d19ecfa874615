"""boot.py, which is never updated over the air: restored, left alone, or brought along."""

from __future__ import annotations

from host_tests.kit.rig import Rig, app


def ready(rig: Rig) -> None:
    rig.start("1.0.0")


def test_a_missing_boot_py_is_restored(rig: Rig) -> None:
    rig.board.power_cut()
    loader = rig.board.read_file("/boot.py")
    source = app(prologue="import os\nos.remove('/boot.py')")
    rig.board.write_slot(0, rig.image("1.0.0", source))
    rig.board.power_on()
    rig.says("boot.py was missing: restored")
    rig.update("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    rig.board.power_cut()
    assert rig.board.read_file("/boot.py") == loader


def test_a_foreign_boot_py_is_left_alone_and_updates_are_refused(rig: Rig) -> None:
    foreign = b"import webrepl\nwebrepl.start()\n"
    source = app(
        prologue="import sys\nwith open('/boot.py', 'w') as f:\n"
        "    f.write('import webrepl\\nwebrepl.start()\\n')"
    )
    rig.board.power_cut()
    rig.board.write_slot(0, rig.image("1.0.0", source))
    rig.board.power_on()
    rig.says("boot.py is not alink's")
    rig.update("1.1.0")
    assert "loader" in rig.ends("1.1.0", "FAILED")
    assert rig.untouched()
    rig.board.power_cut()
    assert rig.board.read_file("/boot.py") == foreign


def test_a_firmware_that_brings_the_loader_along_takes_updates_beside_any_boot_py(
    rig: Rig,
) -> None:
    # What a firmware would run in place of /boot.py is run by that here.
    foreign = b"# This file is executed on every boot\nexec(open('/firmware').read())\n"
    rig.board.power_cut()
    rig.board.install_file("/firmware", rig.board.read_file("/boot.py"))
    rig.board.install_file("/boot.py", foreign)
    rig.board.power_on()
    rig.update("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    rig.board.power_cut()
    assert rig.board.read_file("/boot.py") == foreign, "it is not alink's to change"
