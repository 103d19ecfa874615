"""An application with modules of the firmware's names: the next update comes all the same."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from host_tests.kit.device_process import run_device
from host_tests.kit.rig import ROOT, Rig, app

# Names that a stock firmware has, each with something that alink could do nothing with.
HIDING = {
    "requests.py": "def get(url): return 'mine'\n",
    "ntptime.py": "host = 1\n",
    "umqtt/simple.py": "class MQTTClient: pass\n",
    "tls.py": "raise ValueError('never loaded')\n",
}


ALINK = ROOT / "micropython" / "alink"

# What MicroPython has in C and lets a file take the place of (docs/library/index.rst).
EXTENSIBLE = {"array", "binascii", "collections", "errno", "gzip", "hashlib", "heapq", "io"}
EXTENSIBLE |= {"json", "machine", "os", "platform", "random", "re", "select", "socket", "ssl"}
EXTENSIBLE |= {"struct", "time", "zlib"}


def hiding(rig: Rig, version: str, files: dict[str, str]) -> None:
    """Put modules into the lib/ of the application of this version."""
    for name, text in files.items():
        path = rig.folder / f"app-{version}" / "lib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_an_application_that_has_its_own_requests_and_umqtt_is_updated_over_https(
    tmp_path: Path,
) -> None:
    source = app(
        prologue="import requests, umqtt.simple, tls", setup="print('own', requests.get(''))"
    ).replace("        ntptime.settime()", "        from alink import clock; clock.ask()")
    with Rig(tmp_path) as rig:
        rig.board.clock = "unset"
        for version in ("1.0.0", "1.1.0"):
            hiding(rig, version, HIDING)
        rig.start("1.0.0", source)
        rig.update("1.1.0", rig.image("1.1.0", source))
        rig.ends("1.1.0", "SUCCEEDED")
        rig.update("1.2.0")
        rig.ends("1.2.0", "SUCCEEDED")
        assert len(rig.fetched()) == 2
        assert rig.board.console_text().count("own mine") == 2


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"hashlib.py": "from uhashlib import sha256\n"}, "hashlib.py has no md5"),
        ({"array.py": "array = None\n1 / 0\n"}, "ZeroDivisionError"),
    ],
    ids=["half-a-hashlib", "broken-array"],
)
def test_an_image_that_could_fetch_no_further_one_is_not_kept(
    tmp_path: Path, files: dict[str, str], named: str
) -> None:
    with Rig(tmp_path) as rig:
        rig.start("1.0.0")
        hiding(rig, "1.1.0", files)
        rig.update("1.1.0")
        told = rig.ends("1.1.0", "FAILED")
        assert "E101" in told
        assert named in told
        assert rig.board.running_slot() == 0


def test_a_firmware_whose_requests_alink_cannot_use_is_not_kept(tmp_path: Path) -> None:
    # It comes with the image: here the new application takes the place of it in the firmware.
    broken = (
        "import sys\n"
        "class Requests:\n"
        "    __path__ = '.frozen/requests'\n"
        "    socket = None\n"
        "    def get(self, url, **more): raise NotImplementedError('HTTP/3 only')\n"
        "sys.modules['requests'] = Requests()\n"
    )
    with Rig(tmp_path) as rig:
        rig.start("1.0.0")
        rig.update("1.1.0", rig.image("1.1.0", app(prologue=broken)))
        told = rig.ends("1.1.0", "FAILED")
        assert "E101" in told
        assert "NotImplementedError" in told


def test_an_extension_of_the_firmwares_time_is_no_fault(tmp_path: Path) -> None:
    files = {
        "time.py": "from utime import *\ndef strftime(form): return 'noon'\n",
        "random.py": "def dice(): return 4\n",  # nothing that alink needs
    }
    with Rig(tmp_path) as rig:
        rig.start("1.0.0")
        hiding(rig, "1.1.0", files)
        says = "import time, random; print('it is', time.strftime(''), random.dice())"
        rig.update("1.1.0", rig.image("1.1.0", app(prologue=says)))
        rig.ends("1.1.0", "SUCCEEDED")
        assert "it is noon 4" in rig.board.console_text()


def test_the_rehearsal_knows_what_alink_takes_from_modules_that_can_be_hidden() -> None:
    text = (ALINK / "after_reset" / "rehearsal.py").read_text()
    table = text.partition('_NEEDED = """\\\n')[2].partition('"""')[0]
    rehearsed = {words[0]: set(words[1:]) for words in map(str.split, table.splitlines())}
    taken: dict[str, set[str]] = {}
    for path in ALINK.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and not node.level and node.module:
                taken.setdefault(node.module, set()).update(alias.name for alias in node.names)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                taken.setdefault(node.value.id, set()).add(node.attr)
    for module in EXTENSIBLE & taken.keys():
        missing = {name for name in taken[module] if not name.endswith("_RESET")}
        assert missing - rehearsed[module] == set(), module


def test_an_import_that_fails_inside_the_package_is_told_as_it_is() -> None:
    text = run_device(
        """
import alink, sys
print("missing", hasattr(alink, "nothing"))
sys.path[:] = ["", ".frozen"]
try:
    from alink import setup
except Exception as e:
    print("told", type(e).__name__, e)
"""
    )
    assert "missing False" in text
    assert "told ImportError no module named 'network'" in text
