"""`sim create`: a board on the desk that starts, with the settings that were meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_tests.kit.images import make_image
from tools.images.build import build_image
from tools.programs import SIM
from tools.sim.board import Board


def test_a_board_with_an_image_has_the_loader_that_starts_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text("print('hello from the image')\n")
    image = tmp_path / "a.bin"
    image.write_bytes(build_image(make_image(65536), tmp_path / "app", "1.0.0"))
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
