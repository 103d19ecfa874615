"""flash over a serial port: esptool against a mock boot ROM on a pseudo-terminal."""

from __future__ import annotations

import os
import pty
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import serial
from esptool.targets import CHIP_DEFS
from serial.tools import list_ports

from host_tests.kit import port_names
from host_tests.kit.firmware_files import app, application, bootloader, flash_options, merged
from host_tests.kit.images import make_image
from host_tests.kit.mock_rom import MockRom
from tools.dev import stock
from tools.flash import main
from tools.flashing import serial_board
from tools.images import find_volume

ERASED = b"\xff" * (4 << 20)
SETTINGS = slice(0x9000, 0xD000)


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A small firmware and an image with application, as options of flash."""
    return flash_options(tmp_path_factory.mktemp("files"))


@pytest.fixture
def silent() -> Iterator[str]:
    """A port on which nobody answers."""
    master, slave = pty.openpty()
    port = port_names.lend(slave)
    yield port
    os.close(master)
    os.close(slave)
    port_names.give_back(port)


def flash(*options: object, board: str = "ESP32_GENERIC") -> int:
    return main(["flash", "--board", board, *map(str, options)])


def test_a_stock_firmware_on_a_board_is_what_output_writes_to_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = application(tmp_path / "app")
    what = ["--firmware", stock.merged_image().path, "--app", folder, "--version", "1.0.0"]
    out = tmp_path / "all.bin"
    assert flash(*what, "--output", out) == 0
    with MockRom() as board:
        assert flash(*what, "--port", board.port) == 0
        assert board.flash == out.read_bytes()
    said = capsys.readouterr().out
    assert "found esp32, 4MB of flash" in said
    assert "slot 0           0x010000" in said
    assert "verified: every region reads back as it was written" in said
    assert "press its RESET button" in said  # a pseudo-terminal has no reset line
    assert "the settings are kept as they were" in said


def test_settings_stay_unless_they_are_asked_to_go_and_old_images_cannot_come_back(
    options: list[str],
) -> None:
    used = bytes(range(256)) * (len(ERASED) // 256)
    with MockRom(content=used) as board:
        assert flash(*options, "--port", board.port) == 0
        assert board.flash[SETTINGS] == used[SETTINGS]
        # What an earlier life left in the second slot or in otadata must not boot.
        assert board.flash[0x1F0000 : 0x1F0000 + 4096] == b"\xff" * 4096
        assert board.flash[0xD000:0xF000] == b"\xff" * 0x2000
        # Nor may an older application's volume be found behind an image that has none.
        volume = find_volume(board.flash[0x10000:0x1E8000])
        assert volume is not None
        end = 0x10000 + -(-(volume.offset + volume.size) // 4096) * 4096
        assert board.flash[end : end + 4096] == b"\xff" * 4096
        assert board.flash[end + 4096 : 0x1E8000] == used[end + 4096 : 0x1E8000]
        assert flash(*options, "--port", board.port, "--erase-settings") == 0
        assert board.flash[SETTINGS] == ERASED[SETTINGS]


def test_the_boards_own_bootloader_is_kept_when_it_fits(
    options: list[str], tmp_path: Path
) -> None:
    own = bootloader(flash=16 << 20)
    content = ERASED[:0x1000] + own
    image = tmp_path / "frozen.bin"
    image.write_bytes(app())
    with MockRom(content=content) as board:
        assert flash("--image", image, "--port", board.port, "--keep-bootloader") == 0
        assert board.flash[: len(content)] == content
        assert board.flash[0x10000 : 0x10000 + 65536] == app()


KEPT = [
    (ERASED[:0x8000], "the board's own bootloader is damaged: wrong magic byte 0xff"),
    (ERASED[:0x1000] + bootloader(flash=2 << 20), "is set to 2 MB of flash"),
    (ERASED[:0x1000] + bootloader("ESP32_GENERIC_S2"), "is for esp32s2"),
    (ERASED[:0x1000] + app(size=16384), "is an application"),
]


@pytest.mark.parametrize(("content", "cause"), KEPT, ids=[cause for _, cause in KEPT])
def test_a_bootloader_that_would_not_start_the_table_is_not_kept(
    content: bytes, cause: str, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with MockRom(content=content) as board:
        before = board.flash
        assert flash(*options, "--port", board.port, "--keep-bootloader") == 1
        assert board.flash == before
    said = capsys.readouterr().err
    assert cause in said
    assert "leave --keep-bootloader out" in said


def test_the_wrong_board_is_refused_before_anything_is_erased(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with MockRom("esp32c3") as board:
        assert flash(*options, "--port", board.port) == 1
        assert board.flash == ERASED
    said = capsys.readouterr().err
    assert f"the board on {board.port} has esp32c3, and ESP32_GENERIC has esp32" in said
    assert "Say --board ESP32_GENERIC_C3, with the firmware for it." in said


def test_too_little_flash_is_refused_before_anything_is_erased(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    firmware, image = tmp_path / "merged.bin", tmp_path / "image.bin"
    firmware.write_bytes(merged("ESP32_GENERIC_S3"))
    image.write_bytes(app("ESP32_GENERIC_S3"))
    what = ["--firmware", firmware, "--image", image]
    with MockRom("esp32s3") as board:
        assert flash(*what, "--port", board.port, board="ESP32_GENERIC_S3") == 1
        assert board.flash == ERASED
    said = capsys.readouterr().err
    assert "has 4MB of flash, and the partition table needs 8MB" in said
    assert "--flash-size" in said


@pytest.mark.parametrize("feature", ["get_secure_boot_enabled", "get_flash_encryption_enabled"])
def test_a_board_that_starts_only_signed_code_is_refused_before_anything_is_erased(
    feature: str,
    options: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(CHIP_DEFS["esp32"], feature, lambda esp: True)
    with MockRom() as board:
        assert flash(*options, "--port", board.port) == 1
        assert board.flash == ERASED
    assert "has secure boot or flash encryption switched on" in capsys.readouterr().err


def test_a_chip_too_old_for_the_image_is_refused_before_anything_is_erased(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "image.bin"
    image.write_bytes(make_image(min_rev=999))
    with MockRom() as board:
        assert flash(*options[:2], "--image", image, "--port", board.port) == 1
        assert board.flash == ERASED
    said = capsys.readouterr().err
    assert "slot 0's image needs a chip of revision v9.99 or newer" in said
    assert "Take a firmware built for that revision" in said


def test_flash_that_does_not_take_what_is_written_is_noticed(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil(flash: bytearray, writes: int) -> None:
        flash[0x10800] = 0

    with MockRom(after_write=spoil) as board:
        assert flash(*options, "--port", board.port) == 1
    said = capsys.readouterr()
    assert "cannot write slot 0: MD5 of file does not match data in flash" in said.err
    assert "Run the command again" in said.err
    assert "verified" not in said.out


def test_a_later_write_that_hurts_an_earlier_one_is_noticed(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil(flash: bytearray, writes: int) -> None:
        if writes > 3:  # the bootloader's own write has read back well by then
            flash[0x1100] = 0

    with MockRom(after_write=spoil) as board:
        assert flash(*options, "--port", board.port) == 1
    assert "cannot verify what was written" in capsys.readouterr().err


def test_a_board_that_does_not_answer_is_told_to_hold_boot(
    options: list[str],
    silent: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serial_board, "ATTEMPTS", 1)
    assert flash(*options, "--port", silent) == 1
    said = capsys.readouterr().err
    assert f"the board on {silent} does not answer as a boot ROM" in said
    assert "Hold its BOOT button" in said


def test_a_port_that_another_program_has_open_is_named_busy(
    options: list[str], silent: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serial.Serial(silent, exclusive=True):
        assert flash(*options, "--port", silent) == 1
    said = capsys.readouterr().err
    assert f"the port {silent} is busy: another program uses it" in said
    assert "Close it (a serial monitor" in said


def test_a_port_that_is_not_there_is_named(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert flash(*options, "--port", "/dev/no-such-port") == 1
    said = capsys.readouterr().err
    assert "there is no port /dev/no-such-port" in said
    assert "Plug the board in" in said


def test_what_is_no_port_is_told_apart(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert flash(*options, "--port", file) == 1
    assert flash(*options, "--port", "nonsense://1") == 1
    said = capsys.readouterr().err
    assert f"{file} is not a port" in said
    assert "the port nonsense://1 cannot be opened" in said


def usb(device: str, vid: int | None, description: str = "") -> SimpleNamespace:
    return SimpleNamespace(device=device, vid=vid, description=description)


def test_no_port_at_all_asks_for_a_cable_that_carries_data(
    options: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    built_in = [usb("/dev/ttyS0", None)]
    monkeypatch.setattr(list_ports, "comports", lambda: built_in)
    assert flash(*options) == 1
    said = capsys.readouterr().err
    assert "no board found: this computer has no USB serial port" in said
    assert "a cable that carries data" in said


def test_several_ports_are_listed_to_choose_from(
    options: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [usb("/dev/ttyACM9", 0x9999, "Printer"), usb("/dev/ttyUSB1", 0x10C4)]
    monkeypatch.setattr(list_ports, "comports", lambda: found)
    assert flash(*options) == 1
    said = capsys.readouterr().err
    assert "2 serial ports could be the board" in said
    listed = said.index("--port /dev/ttyUSB1   (Silicon Labs CP210x)")
    assert listed < said.index("--port /dev/ttyACM9   (Printer)")


def test_the_only_port_is_taken_without_a_question(
    options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with MockRom() as board:
        found = [usb(board.port, 0x1A86), usb("/dev/ttyS0", None)]
        monkeypatch.setattr(list_ports, "comports", lambda: found)
        assert flash(*options) == 0
        assert board.flash != ERASED
