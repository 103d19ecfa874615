"""What a board keeps for ever of the parts that it loads: MicroPython frees no name."""

from __future__ import annotations

import re
from pathlib import Path

from host_tests.kit.device_process import run_device
from tools.images.application import ALINK, collect
from tools.images.compile import compile_mpy
from tools.images.homes import of

# Loads the modules of argv[2] out of the folder argv[1], as an image has it, and lets them go.
LOAD = """
import micropython, os, sys
os.chdir(sys.argv[1])
sys.path[0] = ""
import machine, network, esp32, socket, time, requests, umqtt.simple
from alink import parts
for name in sys.argv[2].split():
    parts.use(name)
    assert "alink." + name in sys.modules, name
    parts.drop(name)
micropython.qstr_info(1)
"""

# The same for what the file system raises meanwhile, of an alink whose names are not exchanged.
FAULTS = """
import os, sys
os.chdir(sys.argv[1])
sys.path[0] = ""
import machine, network, esp32, socket, time
from alink import parts
def refused(path, mode):
    raise error
for name in ("record", "advice", "job.shown"):
    for error in (MemoryError("for this"), KeyboardInterrupt()):
        parts._open, real = refused, parts._open
        try:
            parts.use(name)
            raise AssertionError(name)
        except (MemoryError, KeyboardInterrupt) as e:
            assert e is error
        finally:
            parts._open = real
    parts.use(name)
    parts.drop("record", "nvs", "advice", "job")
try:
    parts.use("job.missing")
except ImportError as e:
    print("TOLD", e)
"""


def unpacked(folder: Path) -> Path:
    """The volume of an application that does nothing, as a folder."""
    source = folder / "source"
    source.mkdir()
    (source / "main.py").write_text("from alink import Device, Updater, trial\n")
    for path, content in collect(source, "1.0.0").items():
        file = folder / "app" / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder / "app"


def test_of_what_is_loaded_for_a_while_a_board_keeps_neither_name_nor_path(
    tmp_path: Path,
) -> None:
    app = unpacked(tmp_path)
    # What is asked for by its name alone; what `from` loads in a module the firmware finds.
    by_from = {
        match
        for path in ALINK.rglob("*.py")
        for match in re.findall(r"^from \.+(?:(\w+) )?import", path.read_text(), re.MULTILINE)
    } | {"session", "record", "reports", "credentials", "nvs", "device"}
    asked = [
        new.rpartition("/")[2]
        for old, new in of(ALINK).items()
        if old.rpartition("/")[2] not in by_from and (app / f"{new}.mpy").is_file()
    ]
    assert len(asked) > 50
    said = run_device(LOAD, str(app), " ".join(asked))
    kept = set(re.findall(r"^Q\((.*)\)$", said, re.MULTILINE))
    assert "alink.parts" in kept, "this does not see the names"
    names = {f"alink.{name}" for name in asked} | {
        f"{place}/{name}.mpy" for name in asked for place in ("/.alink", f"{app}/alink")
    }
    assert kept & names == set()


def test_want_of_memory_for_a_part_is_not_told_as_a_part_that_is_missing(tmp_path: Path) -> None:
    # MicroPython's import takes whatever a file system raises for "no such file": Ctrl-C, too.
    for path in ALINK.rglob("*.py"):
        file = (tmp_path / "alink" / path.relative_to(ALINK)).with_suffix(".mpy")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(compile_mpy(path.read_bytes(), path.stem, path))
    said = run_device(FAULTS, str(tmp_path))
    assert "TOLD no module named 'alink.job.missing'" in said
