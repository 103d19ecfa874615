"""`sim create`: a board on the desk that starts, with the settings that were meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_tests.kit import firmware_files
from host_tests.kit.images import make_image
from tools.images.build import build_image
from tools.programs import SIM
from tools.sim.board import Board


def built(tmp_path: Path, program: str) -> Path:
    """The file of an image with this application."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text(program)
    image = tmp_path / "a.bin"
    image.write_bytes(build_image(make_image(65536), tmp_path / "app", "1.0.0"))
    return image


def test_a_board_with_an_image_has_the_loader_that_starts_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = built(tmp_path, "print('hello from the image')\n")
    desk = tmp_path / "desk.bin"
    assert SIM.main(["create", str(desk), "--image", str(image)]) == 0
    with Board(desk) as board:
        assert board.files() == ["/boot.py"]
        board.power_on()
        board.wait_for(lambda: "hello from the image" in board.console_text(), 60, what="hello")
    own = tmp_path / "boot.py"
    own.write_text("print('mine')\n")
    words = ["create", str(desk), "--force", "--image", str(image), "--file", str(own)]
    assert SIM.main(words) == 0
    with Board(desk) as board:
        assert board.read_file("/boot.py") == own.read_bytes()


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        ("device_sercet=x", "Perhaps you mean device_secret."),
        ("wifi_password=x", "Perhaps you mean wifi_pass."),
        ("colour=red", "There are port, secure,"),
    ],
)
def test_a_misspelt_setting_makes_no_board(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], setting: str, advice: str
) -> None:
    assert SIM.main(["create", str(tmp_path / "desk.bin"), "--set", setting]) == 1
    assert advice in capsys.readouterr().err
    assert not (tmp_path / "desk.bin").exists()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_secret_that_an_editor_saved_its_own_way_is_the_same_secret(
    tmp_path: Path, encoding: str
) -> None:
    (tmp_path / "secret.txt").write_bytes("0123456789abcdef\r\n".encode(encoding))
    desk = tmp_path / "desk.bin"
    words = ["--set", f"device_secret=@{tmp_path / 'secret.txt'}", "--set", "regnwl=1"]
    assert SIM.main(["create", str(desk), *words]) == 0
    with Board(desk) as board:
        assert board.nvs_get("alink", "device_secret") == b"0123456789abcdef"
        assert board.nvs_get("alink", "regnwl") == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("release.bin", ("--image", "release.bin")),
        ("main.py", ("--file", "main.py")),
        ("ca.pem", ("--set", "ca=@ca.pem")),
        ("secret.txt", ("--set", "device_secret=@secret.txt")),
        ("partitions.csv", ("--table", "partitions.csv")),
    ],
)
def test_a_file_that_goes_onto_a_board_is_not_lost_to_its_flash(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    words: tuple[str, str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(b"the only copy")
    assert SIM.main(["create", name, *words, "--force"]) == 1
    assert f"{name} is also what is read" in capsys.readouterr().err
    assert (tmp_path / name).read_bytes() == b"the only copy"


def test_a_release_whose_application_is_damaged_makes_no_board(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = built(tmp_path, "print('hello from the image')\n").read_bytes()
    changed = bytearray(good)
    changed[good.index(b"hello from")] ^= 1
    for content in (good[: 65536 + 6000], bytes(changed)):
        (tmp_path / "a.bin").write_bytes(content)
        words = ["create", str(tmp_path / "desk.bin"), "--image", str(tmp_path / "a.bin")]
        assert SIM.main(words) == 1
        assert "a.bin is damaged: " in capsys.readouterr().err
        assert not (tmp_path / "desk.bin").exists()


def test_a_merged_file_is_told_by_its_name_and_not_by_its_segments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "merged.bin").write_bytes(firmware_files.merged(version="v1.24.0"))
    words = ["create", str(tmp_path / "desk.bin"), "--image", str(tmp_path / "merged.bin")]
    assert SIM.main(words) == 1
    said = capsys.readouterr().err
    assert "merged.bin is a merged firmware file" in said
    assert "Make an image of it: " in said
    assert "takes it as it is" not in said


@pytest.mark.parametrize("key", ["ca", "sign_key"])
@pytest.mark.parametrize("content", [b"", b"# A fine project\n", b"-----BEGIN\nabc\n-----END\n"])
def test_a_board_is_not_made_that_could_trust_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str, content: bytes
) -> None:
    (tmp_path / "file.pem").write_bytes(content)
    for value in (f"@{tmp_path / 'file.pem'}", "file.pem", ""):
        assert SIM.main(["create", str(tmp_path / "desk.bin"), "--set", f"{key}={value}"]) == 1
        assert key in capsys.readouterr().err
        assert not (tmp_path / "desk.bin").exists()


def test_a_board_that_would_wait_for_ever_is_told_of_when_it_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = built(tmp_path, "print(1)\n")
    words = ["create", str(tmp_path / "desk.bin"), "--image", str(image), "--force"]
    for name in ("product_key", "device_name", "host", "wifi_ssid"):
        words += ["--set", f"{name}=any"]
        assert SIM.main(words) == 0
        assert ("it has no wifi_ssid" in capsys.readouterr().out) == (name != "wifi_ssid")
