"""From a board's bag to its first update: the commands that `serve` prints, typed as they are."""

from __future__ import annotations

import getpass
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.kit.mock_rom import MockRom
from host_tests.kit.rig import ROOT
from host_tests.kit.serial_rig import flash
from tools.cli import Refused
from tools.cloud import control
from tools.cloud.operator import first_update
from tools.dev import stock
from tools.programs import CLOUD
from tools.sim import Board

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "COLUMNS": "80"}
ENVIRONMENT["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


class Serving:
    """`serve` in a folder that looks like the repository: `said` until it was up, `printed`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tools.cloud", "serve", *options],
            cwd=folder,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.said = ""
        while "Ctrl-C" not in self.said:
            line = self.process.stdout.readline()
            assert line, f"serve has ended: {self.said}"
            self.said += line
        block = self.said.partition("to its first update")[2].partition("\n\n")[2]
        self.printed = [line.strip() for line in block.partition("\n\n")[0].splitlines()]

    def close(self) -> None:
        self.process.terminate()
        assert self.process.wait(30) == 0
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with what a clone has at its top."""
    for name in ("tools", "micropython", "boards"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.fixture
def serving(here: Path) -> Iterator[Serving]:
    made = Serving(here)
    yield made
    made.close()


def typed(folder: Path, line: str) -> str:
    """What a shell prints for a line."""
    done = subprocess.run(
        ["bash", "-e", "-c", line],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_commands_that_serve_prints_bring_a_board_to_its_first_update(
    serving: Serving, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(serving.printed) + 1 <= 8, "with serve"
    making, adding, flashing, building, *offering, watching = serving.printed
    # As if the network were there: what is fetched by its version lies here already.
    shutil.copy(stock.merged_image().path, here / "ESP32_GENERIC-20251209-v1.27.0.bin")
    typed(here, making)
    assert "secret      in greenhouse_07.env" in typed(here, adding)
    assert stat.S_IMODE((here / "greenhouse_07.env").stat().st_mode) == 0o600
    secret = re.search(r"device_secret = (\w+)", (here / "greenhouse_07.env").read_text())
    assert secret
    monkeypatch.chdir(here)
    answers = {"name of the Wi-Fi": "roof", "password of the Wi-Fi": "wifi-password"}
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda what: answers[what.split(":")[0]])
    monkeypatch.setattr(getpass, "getpass", lambda what: answers[what.split(" (")[0]])
    with MockRom() as rom:
        code, told = flash(*shlex.split(flashing)[2:], "--port", rom.port)
        assert code == 0, told
        assert secret[1] not in told
        (here / "flash.bin").write_bytes(rom.flash)
    with Board(here / "flash.bin") as board:
        board.nvs_set("alink_ota", "prove_ms", 0)  # a minute of its main loop
        board.power_on()
        for line in (building, *offering):
            typed(here, line)
        asking = watching.replace("watch", "status")
        board.wait_for(lambda: "SUCCEEDED" in typed(here, asking), 90, "the update")
        assert board.running_slot() == 1


def test_the_commands_name_this_machine_and_are_told_while_there_is_no_device(here: Path) -> None:
    serving = Serving(here, "--folder", "my cloud")
    try:
        assert "Boards on your network find it when it is started so:" in serving.said
        assert re.search(r"--listen 0\.0\.0\.0 --public \S+ --mqtts-port 8883", serving.said)
        assert "--folder 'my cloud'" in serving.printed[1]
        restart = serving.said.partition("when it is started so:")[2].partition("Ctrl-C")[0]
        assert "--folder 'my cloud'" in restart
        assert not any("127.0.0.1" in line for line in serving.printed)
        typed(here, serving.printed[1])
    finally:
        serving.close()
    text = (here / "greenhouse_07.env").read_text()
    assert "host = 127.0.0.1\n" in text
    assert f"ca = {here / 'my cloud' / 'ca.pem'}\n" in text
    again = Serving(here, "--folder", "my cloud")
    again.close()
    assert "first update" not in again.said


def test_settings_without_a_server_are_refused_and_no_device_is_made(here: Path) -> None:
    (_, adding, *_) = first_update.commands(Path(".cloud"))
    done = subprocess.run(
        shlex.split(adding), cwd=here, env=ENVIRONMENT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "no stand-in with a gateway runs in .cloud" in done.stderr
    assert not (here / "greenhouse_07.env").exists()
    assert first_update.DEVICE_NAME not in typed(here, "python -m tools.cloud status || true")


def test_the_advice_to_start_a_server_is_a_line_that_a_shell_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my dir"
    with pytest.raises(Refused) as told:
        control.need(folder, "snapshot")
    words = ["a1B2c3D4e5F", "green", "--folder", str(folder)]
    assert CLOUD.main(["device", "add", *words]) == 0
    assert CLOUD.main(["push", *words[:2], "1.1.0", "--wait", *words[2:]]) == 1
    for advice in (told.value.advice, capsys.readouterr().err):
        _, line, _ = advice.split("`")
        assert shlex.split(line)[-2:] == ["--folder", str(folder)]


def test_a_folder_is_not_to_be_removed_for_a_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["device", "add", "a1B2c3D4e5F", "green", "--folder", str(tmp_path / "cloud")]
    assert CLOUD.main([*words, "--secret-file", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "is there and is not a file. Name a new file." in said
    assert "rm " not in said
    assert not (tmp_path / "cloud").exists()
