"""Put MicroPython's type stubs into a folder of their own, where mypy takes them.

Usage: typings.py FOLDER. The stub packages install themselves beside everything else in
site-packages, and mypy refuses that folder as a search path; so the files that belong to them are
copied out. FOLDER is then both the search path (esp32, machine, network, ...) and the custom
typeshed (sys, os, io, ... as MicroPython has them). What the stubs get wrong is corrected in the
copy, so that device code needs no marks for the checker.
"""

import hashlib
import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

PACKAGES = ("micropython-esp32-stubs", "micropython-stdlib-stubs")

# (file, what it says, what is right). Each was checked against MicroPython's C source.
CORRECTIONS = (
    # A label or Partition.BOOT/RUNNING; and find() takes keywords.
    ("esp32.pyi", "def __init__(self, id: str,", "def __init__(self, id: str | int,"),
    (
        "esp32.pyi",
        "def find(type: int = TYPE_APP, subtype: int = 0xFF, /, label: str | None = None)",
        "def find(type: int = TYPE_APP, subtype: int = 0xFF, label: str | None = None)",
    ),
    # A file system is not itself a block device, and takes any object with the three methods.
    ("vfs.pyi", "class VfsLfs2(AbstractBlockDev):", "class VfsLfs2:"),
    (
        "vfs.pyi",
        "def __init__(self, block_dev: AbstractBlockDev, readsize",
        "def __init__(self, block_dev: Incomplete, readsize",
    ),
    (
        "vfs.pyi",
        "def mkfs(block_dev: AbstractBlockDev, readsize",
        "def mkfs(block_dev: Incomplete, readsize",
    ),
    # Any object can stand in sys.modules.
    ("stdlib/sys/__init__.pyi", "modules: dict[str, ModuleType]", "modules: dict[str, Any]"),
    (
        "tls.pyi",
        "class SSLContext:\n",
        "class SSLContext:\n    verify_mode: int\n    verify_callback: Incomplete\n",
    ),
    # The stream method: write(buf, length) does not need a slice.
    (
        "micropython.pyi",
        "def write(self, buf) -> int:\n"
        '        """\n'
        "        Non-blocking write of bytes from ``buf`` into the ringbuffer",
        "def write(self, buf, nbytes: int = ...) -> int:\n"
        '        """\n'
        "        Non-blocking write of bytes from ``buf`` into the ringbuffer",
    ),
    # Its socket module is looked up at each call, so another can be put in its place.
    ("requests/__init__.pyi", "import types\n", "import types\nsocket: Incomplete\n"),
    # On an ESP32 the pins are told one by one.
    (
        "network.pyi",
        "def __init__(self, id, *, phy_type=0, phy_addr=0, ref_clk_mode=0) -> None",
        "def __init__(self, id: int = 0, **settings: Incomplete) -> None",
    ),
    # Ticks are ints, and an attribute that holds some starts as 0.
    ("_mpy_shed/time_mp.pyi", "class _TicksMs:", "class _TicksMs(int):"),
    ("_mpy_shed/time_mp.pyi", "class _TicksUs:", "class _TicksUs(int):"),
    (
        "time.pyi",
        "def ticks_add(ticks: _Ticks, delta: int, /) -> _Ticks:",
        "def ticks_add(ticks: int, delta: int, /) -> int:",
    ),
)


def main() -> None:
    """Copy both packages' .pyi files into the folder, unless that was done already."""
    target = Path(sys.argv[1])
    try:
        found = [distribution(name) for name in PACKAGES]
    except PackageNotFoundError as exc:
        sys.exit(f"typings: {exc.name} is not installed; remove .venv and run make again")
    made_from = [Path(__file__).read_bytes(), *(d.version.encode() for d in found)]
    versions = hashlib.sha256(b"\n".join(made_from)).hexdigest()
    stamp = target / "made-from"
    if stamp.is_file() and stamp.read_text() == versions:
        return
    shutil.rmtree(target, ignore_errors=True)
    for package in found:
        for file in package.files or ():
            if file.suffix == ".pyi" or file.name == "VERSIONS":
                copy = target / file
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(package.locate_file(file)), copy)
    for name, wrong, right in CORRECTIONS:
        text = (target / name).read_text()
        if wrong not in text:
            sys.exit(f"typings: {name} no longer says {wrong!r}: adapt CORRECTIONS in typings.py")
        (target / name).write_text(text.replace(wrong, right))
    # What image.py writes into every image.
    (target / "version.pyi").write_text("VERSION: str\n")
    stamp.write_text(versions)


if __name__ == "__main__":
    main()
