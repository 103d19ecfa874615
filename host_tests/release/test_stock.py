"""The stock firmware: the real one where it can be had, a valid stand-in where not."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from esptool.bin_image import LoadFirmwareImage

from tools.chip.firmware import extract_app
from tools.chip.header import parse_image
from tools.dev import stock

ROOT = Path(__file__).resolve().parents[2]


def offline(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Leave pip nothing but what lies in `folder`."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")


def source_package(folder: Path, firmware: bytes) -> None:
    """A source package of the pinned name whose metadata cannot be built."""
    folder.mkdir(parents=True, exist_ok=True)
    top = "mp_image_tool_esp32-0.1.1"
    with tarfile.open(folder / f"{top}.tar.gz", "w:gz") as tar:
        for name, content in (
            ("PKG-INFO", b"Metadata-Version: 2.1\nName: mp_image_tool_esp32\nVersion: 0.1.1\n"),
            ("setup.py", b"raise SystemExit('no build tools here')\n"),
            (stock.MEMBER, firmware),
        ):
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def test_the_pieces_fit_together() -> None:
    merged, app = stock.merged_image(), stock.app_image()
    assert merged.real == app.real
    assert len(merged.data) == stock.MERGED_SIZE
    assert len(app.data) == stock.APP_SIZE
    assert merged.data[stock.APP_OFFSET :] == app.data == extract_app(merged.data)
    assert stock.is_stock(merged.data) == merged.real


def test_the_synthesised_image_is_one_esptool_takes() -> None:
    data = stock.synthetic_app()
    assert (len(data), data) == (stock.APP_SIZE, stock.synthetic_app())
    image = LoadFirmwareImage("esp32", data)
    assert image.checksum == image.calculate_checksum()
    assert image.stored_digest == image.calc_digest
    assert image.chip_id == 0
    assert parse_image(data).problems == ()
    merged = stock.synthetic_merged()
    assert len(merged) == stock.MERGED_SIZE
    assert extract_app(merged) == data
    # The bootloader at its start is an image too: only the partition table tells them apart.
    assert parse_image(merged).problems == ()


def test_without_a_network_a_stand_in_is_made_and_stderr_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    offline(monkeypatch, tmp_path)
    cache = tmp_path / "cache"
    app = stock.app_image(cache)
    assert not app.real
    assert app.data == stock.synthetic_app()
    said = capsys.readouterr().err
    assert "pip could not get mp_image_tool_esp32==0.1.1" in said
    assert "a synthesised image of its size is used instead" in said
    merged = stock.merged_image(cache)
    assert not merged.real
    assert extract_app(merged.data) == app.data
    # The next process does not make its user wait for pip again, and still says so.
    assert (cache / "unavailable").is_file()
    again = run(cache)
    assert "a while ago" in again.stderr
    assert "fetching" not in again.stderr
    assert "False" in again.stdout


SCRIPT = """
import sys
from pathlib import Path
from tools.dev import stock
image = stock.merged_image(Path(sys.argv[1]))
print(image.real, stock.is_stock(image.data))
"""


def run(cache: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, str(cache)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=900, check=True, cwd=ROOT
    )


def real_firmware() -> bytes:
    image = stock.merged_image()
    if not image.real:
        pytest.skip("the real firmware cannot be had here")
    return image.data


def test_a_machine_without_build_tools_still_gets_the_real_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source_package(tmp_path / "links", real_firmware())
    offline(monkeypatch, tmp_path / "links")
    image = stock.merged_image(tmp_path / "cache")
    assert image.real
    assert stock.is_stock(image.data)
    assert sorted(p.name for p in (tmp_path / "cache").iterdir()) == ["stock-merged.bin"]


def test_a_package_with_other_content_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source_package(tmp_path / "links", stock.synthetic_merged())
    offline(monkeypatch, tmp_path / "links")
    assert not stock.merged_image(tmp_path / "cache").real
    assert "carries another firmware than expected (wrong SHA-256)" in capsys.readouterr().err


def test_a_damaged_cache_is_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "stock-merged.bin").write_bytes(b"half a file")
    source_package(tmp_path / "links", real_firmware())
    offline(monkeypatch, tmp_path / "links")
    assert stock.merged_image(cache).real


def test_two_at_once_do_not_disturb_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source_package(tmp_path / "links", real_firmware())
    offline(monkeypatch, tmp_path / "links")
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "cache")]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=900) for process in both]
    assert [out.decode() for out, _ in said] == ["True True\n"] * 2, said
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["stock-merged.bin"]
