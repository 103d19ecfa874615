"""flash --output: a file that other tools read as they should, and that boots and updates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from esp_idf_defs.image_metadata import ImageMetadata
from esp_idf_defs.otadata import OtaDataSelectEntry, OtaImageState
from esp_idf_defs.partitions import PartitionTable
from esptool.bin_image import LoadFirmwareImage

from host_tests.kit import rig
from host_tests.kit.firmware_files import app, application, merged
from tools.dev import stock
from tools.flash import main
from tools.images import build_image, read_version
from tools.sim import Board

ROOT = Path(__file__).resolve().parents[2]
CSV = (ROOT / "boards" / "ESP32_GENERIC" / "partitions.csv").read_text()


def flash(out: Path, *options: object, board: str = "ESP32_GENERIC") -> bytes:
    """The file that `flash --output` makes."""
    arguments = ["flash", "--board", board, *map(str, options), "--output", str(out)]
    assert main(arguments) == 0
    return out.read_bytes()


class Flashed(rig.Rig):
    """A rig whose board is a file of `flash --output` instead of one made by the sim."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.board.close()
        source = folder / "app-1.0.0"
        source.mkdir()
        (source / "main.py").write_text(rig.app())
        self.source = source
        out = folder / "all.bin"
        options = ("--firmware", stock.merged_image().path, "--app", source)
        self.made = flash(out, *options, "--version", "1.0.0")
        self.board = Board(out)


@pytest.fixture
def flashed(tmp_path: Path) -> Iterator[Flashed]:
    made = Flashed(tmp_path)
    with made:
        yield made


def entries(data: bytes) -> list[OtaDataSelectEntry | None]:
    """The otadata entries in a flash file, by another package's eyes."""
    return [OtaDataSelectEntry.from_bytes(data[at : at + 32]) for at in (0xD000, 0xE000)]


def test_a_file_from_a_stock_firmware_boots_takes_its_identity_and_updates(
    flashed: Flashed,
) -> None:
    flashed.provision(flashed.board)
    flashed.board.power_on()
    flashed.reports("1.0.0")
    flashed.update("1.1.0", build_image(stock.merged_image().data, flashed.source, "1.1.0"))
    flashed.ends("1.1.0", "SUCCEEDED")
    flashed.confirmed(1)
    flashed.board.power_cut()
    chosen, _ = OtaDataSelectEntry.select(*entries(flashed.board.path.read_bytes()))
    assert chosen is not None
    assert (chosen.ota_slot(2), chosen.ota_state) == (1, OtaImageState.VALID)


def test_other_tools_read_table_otadata_and_images_as_they_should_be(flashed: Flashed) -> None:
    data = flashed.made
    assert len(data) == 4 << 20
    assert list(PartitionTable.from_binary(data[0x8000:0x8C00])) == PartitionTable.from_csv(CSV)
    # Blank, as ESP-IDF's own build leaves it: the first boot writes the first entry.
    assert data[0xD000:0xF000] == b"\xff" * 0x2000
    assert entries(data) == [None, None]
    for at, end in ((0x1000, 0x8000), (0x10000, 0x1E8000)):
        image = LoadFirmwareImage("esp32", data[at:end])
        assert image.checksum == image.calculate_checksum()
        assert image.append_digest
        assert image.stored_digest == image.calc_digest
        assert ImageMetadata.from_bytes(data[at:end]).header.chip_id == 0
    assert read_version(data[0x10000:0x1E8000]) == "1.0.0"
    settings = data[0x9000:0xD000]
    assert settings == b"\xff" * len(settings)
    flashed.board.power_on()
    flashed.board.wait_for(lambda: "start 1.0.0" in flashed.board.console_text(), what="start")
    flashed.board.power_cut()
    first = entries(flashed.board.path.read_bytes())[0]
    assert first is not None
    assert (first.seq, first.ota_state) == (1, OtaImageState.VALID)


def test_the_boards_own_file_system_has_the_loader_and_nothing_else(flashed: Flashed) -> None:
    assert flashed.board.files() == ["/boot.py"]
    assert flashed.board.read_file("/boot.py") == (ROOT / "micropython/boot.py").read_bytes()


@pytest.mark.parametrize(
    ("board", "size", "mb"),
    [
        ("ESP32_GENERIC", "8MB", 8),
        ("ESP32_GENERIC", "16MB", 16),
        ("ESP32_GENERIC_S2", "4MB", 4),
        ("ESP32_GENERIC_S3", "4MB", 4),
        ("ESP32_GENERIC_S3", "8MB", 8),
        ("ESP32_GENERIC_S3", "16MB", 16),
        ("ESP32_GENERIC_C3", "4MB", 4),
        ("ESP32_GENERIC_C6", "4MB", 4),
    ],
)
def test_every_board_gets_a_bootloader_set_to_its_flash(
    board: str, size: str, mb: int, tmp_path: Path
) -> None:
    firmware, image = tmp_path / "merged.bin", tmp_path / "image.bin"
    firmware.write_bytes(merged(board, flash=2 << 20))
    image.write_bytes(app(board))
    options = ("--firmware", firmware, "--image", image)
    data = flash(tmp_path / "all.bin", *options, "--flash-size", size, board=board)
    assert len(data) == mb << 20
    at = 0x1000 if board in ("ESP32_GENERIC", "ESP32_GENERIC_S2") else 0
    boot = ImageMetadata.from_bytes(data[at:0x8000])  # raises for a wrong checksum or hash
    assert boot.header.spi_size is not None
    assert boot.header.spi_size.name == f"MB{mb}"
    assert boot.header.hash_appended
    PartitionTable.from_binary(data[0x8000:0x8C00]).verify_size_fits(len(data))


def test_a_table_of_ones_own_sets_the_size_of_the_flash(tmp_path: Path) -> None:
    firmware, image = tmp_path / "merged.bin", tmp_path / "image.bin"
    firmware.write_bytes(merged("ESP32_GENERIC_S3", flash=8 << 20))
    image.write_bytes(app("ESP32_GENERIC_S3"))
    table = ROOT / "boards" / "ESP32_GENERIC_C3" / "partitions.csv"
    options = ("--firmware", firmware, "--image", image, "--partitions", table)
    data = flash(tmp_path / "all.bin", *options, board="ESP32_GENERIC_S3")
    assert len(data) == 4 << 20
    header = ImageMetadata.from_bytes(data[:0x8000]).header
    assert header.spi_size is not None
    assert header.spi_size.name == "MB4"


def test_a_finished_image_is_put_into_slot_0_as_it_is(tmp_path: Path) -> None:
    firmware, image = tmp_path / "merged.bin", tmp_path / "image.bin"
    firmware.write_bytes(merged())
    content = build_image(app(), application(tmp_path / "app"), "3.2.1")
    image.write_bytes(content)
    data = flash(tmp_path / "all.bin", "--firmware", firmware, "--image", image)
    assert data[0x10000 : 0x10000 + len(content)] == content


def test_an_old_firmware_and_one_without_application_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    firmware, image = tmp_path / "merged.bin", tmp_path / "image.bin"
    firmware.write_bytes(merged())
    image.write_bytes(app(version="v1.24.1"))
    flash(tmp_path / "all.bin", "--firmware", firmware, "--image", image)
    said = capsys.readouterr()
    assert "warning: the firmware is MicroPython v1.24.1" in said.err
    assert "alink needs v1.25 or newer" in said.err
    assert "carries no application" in said.err
    assert "next: " in said.out


def test_a_new_firmware_with_an_application_needs_no_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    firmware = tmp_path / "merged.bin"
    firmware.write_bytes(merged(version="v1.25.0"))
    folder = application(tmp_path / "app")
    flash(tmp_path / "all.bin", "--firmware", firmware, "--app", folder, "--version", "1.0.0")
    assert "warning" not in capsys.readouterr().err
