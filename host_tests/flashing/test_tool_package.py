"""The package: one version, the same bytes each time, and a mip install that can update."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from host_tests.kit import rig as rig_module
from host_tests.kit.rig import ROOT, app, firmware
from host_tests.kit.serial_rig import SerialRig
from tools.dev import package

MICROPYTHON = ROOT / "micropython"


def test_every_file_states_the_same_version() -> None:
    stated = {
        "alink": package.version(),
        "package.json": json.loads((MICROPYTHON / "package.json").read_text())["version"],
        "manifest.py": _first(r'version="([^"]+)"', MICROPYTHON / "manifest.py"),
        "pyproject.toml": _first(r'^version = "([^"]+)"', ROOT / "pyproject.toml"),
        "CHANGES.md": _first(r"^## (\d[^\s]*)$", ROOT / "CHANGES.md"),
    }
    assert len(set(stated.values())) == 1, stated


def test_package_json_names_every_module_there_is() -> None:
    text = (MICROPYTHON / "package.json").read_text()
    assert text == package.package_text(), "run: python -m tools.dev.package json"
    for _, source in json.loads(text)["urls"]:
        assert (MICROPYTHON / source).is_file()


def test_a_release_is_the_same_bytes_each_time_and_its_checksums_hold(tmp_path: Path) -> None:
    first, second = package.dist(tmp_path / "one"), package.dist(tmp_path / "two")
    assert first == second
    folder = tmp_path / "one"
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    packed = next(folder.glob("*.tar.gz"))
    with tarfile.open(fileobj=io.BytesIO(packed.read_bytes())) as tar:
        inside = {name.partition("/")[2] for name in tar.getnames()}
    assert inside == set(package.dist_files())
    assert {"boot.py", "main.py", "lib/alink/updater.mpy"} <= inside


# A board's own file system for the sources of all of alink: 66 files in blocks of 4096 bytes.
ROOMY = """
nvs,      data, nvs,   0x9000,   0x4000
otadata,  data, ota,   0xd000,   0x2000
phy_init, data, phy,   0xf000,   0x1000
ota_0,    app,  ota_0, 0x10000,  0x100000
ota_1,    app,  ota_1, 0x110000, 0x100000
vfs,      data, fat,   0x210000, 0x1f0000
"""


def test_a_package_installed_by_mip_completes_an_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "roomy.csv").write_text(ROOMY)
    monkeypatch.setattr(rig_module, "TABLE", tmp_path / "roomy.csv")
    with SerialRig(tmp_path) as rig:
        # A firmware alone: no application behind it, so the board's own files are what runs.
        rig.board.write_slot(0, firmware(65536))
        rig.board.power_on()
        done = subprocess.run(
            [
                *(sys.executable, "-m", "mpremote", "connect", rig.port),
                *("mip", "install", str(MICROPYTHON / "package.json")),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        rig.board.power_cut()
        installed = [path for path in rig.board.files() if path.startswith("/lib/alink/")]
        assert len(installed) == len(list((MICROPYTHON / "alink").rglob("*.py")))
        rig.board.install_file("/version.py", 'VERSION = "1.0.0"\n')
        rig.board.install_file("/main.py", app())
        rig.board.power_on()
        rig.reports("1.0.0")
        rig.update("1.1.0")
        rig.ends("1.1.0", "SUCCEEDED")
        rig.confirmed(1)


def _first(pattern: str, path: Path) -> str:
    found = re.search(pattern, path.read_text(), re.MULTILINE)
    assert found, path
    return found.group(1)
