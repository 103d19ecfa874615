"""What a board keeps for ever of the parts that it loads: MicroPython frees no name."""

from __future__ import annotations

import ast
import re

from host_tests.kit import compiled_tree
from host_tests.kit.device_process import run_device
from tools.bench.modules import travelling
from tools.images.application import ALINK
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
os.statvfs("/.alink")  # `mpremote df` asks every mount
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
for line in (
    "from alink import setup",
    "import alink.setup",
    "from alink import FilesTarget",
    "from alink.files.files import FilesTarget",
):
    for error in (MemoryError("for this"), KeyboardInterrupt()):
        parts._open, real = refused, parts._open
        try:
            exec(line)
            raise AssertionError(line)
        except (MemoryError, KeyboardInterrupt) as e:
            assert e is error
        finally:
            parts._open = real
exec("from alink import FilesTarget, setup")
try:
    parts.use("job.missing")
except ImportError as e:
    print("TOLD", e)
"""

# What the generated main.py does where there is no memory to end in: all goes, and what ends is
# loaded anew.
CLEARED = """
import os, sys
os.chdir(sys.argv[1])
sys.path[0] = ""
import machine, network, esp32, socket, time
from alink import Device, parts
for name in list(sys.modules):
    if name.startswith("alink"):
        sys.modules.pop(name).__dict__.clear()
from alink import parts
print("AGAIN", hasattr(parts.use("starts"), "finish"))
"""

# Fills the two tables up to what their size should be from the first moment on.
TABLES = """
import gc, os, sys
os.chdir(sys.argv[1])
sys.path[0] = ""
from alink import parts
def fill(table):
    before = gc.mem_alloc()
    for number in range(29 - len(table)):
        table[number] = None
    print("FILLED", number, gc.mem_alloc() - before)
fill(sys.modules)
fill(sys.modules["alink"].__dict__)
"""


def found_by_import() -> set[str]:
    """Modules of the package that a `from` loads somewhere: those the firmware finds itself."""
    found = set()
    for path in ALINK.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                found |= {node.module} if node.module else {one.name for one in node.names}
    return {str(name) for name in found}


def test_of_what_is_loaded_for_a_while_a_board_keeps_neither_name_nor_path() -> None:
    by_import = found_by_import()
    asked = [
        new.rpartition("/")[2]
        for old, new in of(ALINK).items()
        if old.rpartition("/")[2] not in by_import
    ]
    assert len(asked) > 50
    with travelling() as (folder, _):
        said = run_device(LOAD, str(folder), " ".join(asked))
    kept = set(re.findall(r"^Q\((.*)\)$", said, re.MULTILINE))
    assert "alink.parts" in kept, "this does not see the names"
    names = {f"alink.{name}" for name in asked} | {
        f"{place}/{name}.mpy" for name in asked for place in ("/.alink", f"{folder}/alink")
    }
    assert kept & names == set()


def test_want_of_memory_for_a_part_is_not_told_as_a_part_that_is_missing() -> None:
    # MicroPython's import takes whatever a file system raises for "no such file": Ctrl-C, too.
    said = run_device(FAULTS, str(compiled_tree.tree() / "micropython"))
    assert "TOLD no module named 'alink.job.missing'" in said


def test_an_application_that_took_all_memory_is_still_told_of_when_alink_was_thrown_away() -> None:
    assert "AGAIN True" in run_device(CLEARED, str(compiled_tree.tree() / "micropython"))


def test_no_table_of_modules_is_made_anew_in_the_room_of_an_application() -> None:
    # It stays where it is made: in the middle of what a large application could have had.
    with travelling() as (folder, _):
        said = run_device(TABLES, str(folder))
    found = re.findall(r"FILLED (\d+) (-?\d+)", said)
    assert int(found[1][0]) > 5, "nothing was to be filled"
    assert [grown for _, grown in found] == ["0", "0"]
