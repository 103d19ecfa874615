"""flash --provision: a board with its identity in one step, and no secret anywhere else."""

from __future__ import annotations

import getpass
import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from esp_idf_nvs_partition_gen import nvs_partition_gen as generator

from host_tests.kit.firmware_files import flash_options
from host_tests.kit.mock_rom import MockRom
from host_tests.kit.rig import DN, PK
from host_tests.kit.rig import app as updating
from host_tests.kit.serial_rig import SerialRig, flash
from tools.chip import nvs
from tools.dev import stock
from tools.flash import main as flash_main
from tools.images import build_image
from tools.sim import Board

SECRET, PASSWORD = "0123456789abcdef0123456789abcdef", "wifi-password"
NVS = slice(0x9000, 0xD000)
GIVEN = {
    "product_key": PK,
    "device_name": DN,
    "device_secret": SECRET,
    "host": "127.0.0.1",
    "port": "18883",
    "wifi_ssid": "roof",
    "wifi_pass": PASSWORD,
}
IN_NVS = {
    ("alink", key): int(text) if key == "port" else text.encode() for key, text in GIVEN.items()
}


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A small firmware and an image with application, as options of flash."""
    board = ["flash", "--board", "ESP32_GENERIC"]
    return [*board, *flash_options(tmp_path_factory.mktemp("files"))]


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return written(tmp_path / "board.env")


def written(path: Path, **changes: str) -> Path:
    lines = {**GIVEN, **changes}
    path.write_text("".join(f"{key} = {value}\n" for key, value in lines.items()))
    return path


def flash_with(namespace: str, **entries: bytes | int) -> bytes:
    """The flash of a board that has something in its NVS."""
    made = io.BytesIO()
    store = generator.nvs_open(made, 0x3000, generator.Page.VERSION2)
    generator.write_entry(store, namespace, "namespace", "", "")
    for key, value in entries.items():
        kind = "i32" if isinstance(value, int) else "binary"
        generator.write_entry(store, key, "data", kind, value)
    generator.nvs_close(store)
    return b"\xff" * 0x9000 + made.getvalue()


def values(content: bytes) -> dict[tuple[str, str], nvs.Value]:
    entries = nvs.Entries(content[NVS])
    assert not entries.unread
    return entries.values


def test_a_board_has_its_identity_with_its_firmware_and_no_secret_is_shown_or_left_behind(
    options: list[str], settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path / "temporary")
    with MockRom() as board:
        code, said = flash(*options, "--provision", str(settings), "--port", board.port)
        assert code == 0, said
        assert values(board.flash) == IN_NVS
    assert "the settings are those that were given, and no others" in said
    assert f"device_name    {DN}" in said
    assert SECRET not in said
    assert PASSWORD not in said
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.fixture
def out(options: list[str], settings: Path, tmp_path: Path) -> Path:
    """A file with all that a board gets, its identity too."""
    out = tmp_path / "all.bin"
    code, said = flash(*options, "--provision", str(settings), "--output", str(out))
    assert code == 0, said
    assert SECRET not in said
    return out


def test_a_file_for_a_factory_has_the_identity_in_it_and_is_its_owners_alone(out: Path) -> None:
    assert out.stat().st_mode & 0o777 == 0o600
    assert values(out.read_bytes()) == IN_NVS


def test_a_board_flashed_with_its_identity_reads_what_provision_would_have_written(
    out: Path, settings: Path, tmp_path: Path
) -> None:
    with SerialRig(tmp_path / "rig") as rig:
        rig.board.nvs_erase("alink")
        rig.begin()
        code, said = rig.flash("provision", "--file", settings)
        assert code == 0, said
        rig.board.power_cut()
        provisioned = {
            key: rig.board.nvs_get("alink", key) for _, key in rig.board.nvs_keys("alink")
        }
    with Board(out) as board:
        assert {key: board.nvs_get("alink", key) for _, key in board.nvs_keys()} == provisioned


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SerialRig]:
    with SerialRig(tmp_path) as made:
        yield made


def test_one_command_and_the_board_signs_in_and_takes_its_first_update(rig: SerialRig) -> None:
    source = rig.folder / "source"
    source.mkdir()
    (source / "main.py").write_text(updating())
    firmware = stock.merged_image()
    with MockRom() as rom:
        code, said = flash(
            *("flash", "--board", "ESP32_GENERIC", "--firmware", str(firmware.path)),
            *("--app", str(source), "--version", "1.0.0", "--port", rom.port),
            *("--provision", str(rig.settings_file())),
        )
        assert code == 0, said
        rig.board.flash.fill(0, rom.flash)
    rig.board.nvs_set("alink_ota", "prove_ms", 0)
    rig.board.power_on()
    rig.reports("1.0.0")
    rig.update("1.1.0", build_image(firmware.data, source, "1.1.0"))
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)


@pytest.mark.parametrize(
    ("before", "named"),
    [
        (
            flash_with("alink", device_name=b"roof_1", device_secret=b"older-secret"),
            "(roof_1): alink",
        ),
        (flash_with("my_app", limit=7), ": my_app;"),
        (flash_with("alink_ota", boots=1), ": alink_ota;"),
    ],
    ids=["identity", "an application's own", "a journal"],
)
def test_settings_that_a_board_has_are_replaced_only_when_that_is_said(
    before: bytes, named: str, options: list[str], settings: Path
) -> None:
    words = [*options, "--provision", str(settings)]
    with MockRom(content=before) as board:
        untouched = board.flash
        code, said = flash(*words, "--port", board.port)
        assert code == 1
        assert board.flash == untouched
        assert f"the board on {board.port} has settings already" in said
        assert named in said
        assert "add --force" in said
        assert "older-secret" not in said
        code, said = flash(*words, "--port", board.port, "--force")
        assert code == 0, said
        assert values(board.flash) == IN_NVS
    with MockRom(content=before) as board:
        assert flash(*words, "--port", board.port, "--erase-settings")[0] == 0
        assert values(board.flash) == IN_NVS


def test_settings_that_cannot_be_read_are_not_taken_for_none(
    options: list[str], settings: Path
) -> None:
    damaged = bytearray(flash_with("alink", device_name=b"roof_1"))
    damaged[0x9000 + 64 + 32 + 10] ^= 1  # in an entry's key
    with MockRom(content=bytes(damaged)) as board:
        code, said = flash(*options, "--provision", str(settings), "--port", board.port)
        assert code == 1
        assert "entries it cannot read" in said


def test_what_the_firmware_itself_keeps_is_no_reason_to_ask(
    options: list[str], settings: Path
) -> None:
    with MockRom(content=flash_with("nvs.net80211", opmode=1)) as board:
        code, said = flash(*options, "--provision", str(settings), "--port", board.port)
        assert code == 0, said
        assert values(board.flash) == IN_NVS


def test_what_is_missing_is_told_before_anything_is_erased(
    options: list[str], tmp_path: Path
) -> None:
    half = tmp_path / "half.env"
    half.write_text(f"product_key = {PK}\ndevice_name = {DN}\nhost = 127.0.0.1\n")
    with MockRom() as board:
        untouched = board.flash
        code, said = flash(*options, "--provision", str(half), "--port", board.port)
        assert code == 1
        assert "missing: device_secret" in said
        code, said = flash(*options, "--provision", str(tmp_path / "none"), "--port", board.port)
        assert code == 1
        assert "none: No such file" in said
        assert board.flash == untouched


@pytest.mark.parametrize("output", [True, False], ids=["into a file", "on a board"])
def test_a_folder_and_a_file_that_is_not_there_are_told_with_what_to_give(
    output: bool, options: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "all.bin"  # in the folder, which is not what is packed
    with MockRom() as board:
        untouched = board.flash
        where = ["--output", str(out)] if output else ["--port", board.port]
        code, said = flash(*options, "--provision", str(tmp_path), *where)
        assert code == 1
        assert f"{tmp_path} is a folder, not a file of settings. Name a file with lines" in said
        assert "packed" not in said
        absent = tmp_path / "nosuch.env"
        code, said = flash(*options, "--provision", str(absent), *where)
        assert code == 1
        assert f"{absent}: No such file or directory. Correct the path, or make a file" in said
        assert "key = value" in said
        assert board.flash == untouched
    assert not out.exists()


def test_a_board_that_gets_no_wifi_from_its_settings_is_told_of_where_nobody_can_be_asked(
    options: list[str], settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wired = tmp_path / "wired.env"
    lines = settings.read_text().splitlines(keepends=True)
    wired.write_text("".join(line for line in lines if not line.startswith("wifi_")))
    out = tmp_path / "all.bin"
    words = [*options, "--output", str(out), "--force", "--provision"]
    assert flash_main([*words, str(wired)]) == 0
    assert not [key for _, key in values(out.read_bytes()) if key.startswith("wifi_")]
    said = capsys.readouterr()
    assert "note: the settings name no Wi-Fi" in said.err
    assert "add the lines wifi_ssid = ... and wifi_pass = ..." in said.err
    assert "note:" not in said.out
    assert flash_main([*words, str(settings)]) == 0
    assert "note:" not in capsys.readouterr().err


def test_what_is_missing_is_asked_for_in_a_terminal(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = tmp_path / "half.env"
    half.write_text(f"product_key = {PK}\ndevice_name = {DN}\nhost = 127.0.0.1\nport = 18883\n")
    answers = {
        "device secret": SECRET,
        "password of the Wi-Fi": PASSWORD,
        "name of the Wi-Fi": "roof",
    }
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda what: answers[what.split(":")[0]])
    monkeypatch.setattr(getpass, "getpass", lambda what: answers[what.split(" (")[0]])
    out = tmp_path / "all.bin"
    code, said = flash(*options, "--provision", str(half), "--output", str(out))
    assert code == 0, said
    assert values(out.read_bytes()) == IN_NVS


def test_an_open_network_has_no_password_in_nvs(options: list[str], tmp_path: Path) -> None:
    out = tmp_path / "all.bin"
    given = written(tmp_path / "open.env", wifi_pass="")
    assert flash(*options, "--provision", str(given), "--output", str(out))[0] == 0
    assert ("alink", "wifi_pass") not in values(out.read_bytes())


def test_the_file_of_settings_is_not_written_over(options: list[str], settings: Path) -> None:
    text = settings.read_text()
    code, said = flash(
        *options, "--provision", str(settings), "--output", str(settings), "--force"
    )
    assert code == 1
    assert "is also what is read" in said
    assert settings.read_text() == text
