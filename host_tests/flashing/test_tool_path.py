"""The first hour with a board, and the tests on the metal, over pseudo-terminals."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from host_tests.kit.bridge import SerialBoard
from host_tests.kit.device_process import DeviceFailed
from host_tests.kit.firmware_files import app as firmware_app
from host_tests.kit.firmware_files import merged
from host_tests.kit.mock_rom import MockRom
from host_tests.kit.rig import DN, PK, ROOT
from host_tests.kit.serial_rig import QUIET_FOR_ALL, SerialRig, TcpPort, flash
from host_tests.metal import transport
from tools.cloud import LocalCloud
from tools.images.compile import compile_mpy


def test_from_the_bag_to_a_signed_in_board(tmp_path: Path) -> None:
    """flash -> provision -> deploy -> status -> selftest, as the README tells it."""
    firmware = tmp_path / "merged.bin"
    firmware.write_bytes(merged())
    program = tmp_path / "my_app"
    program.mkdir()
    (program / "main.py").write_text(QUIET_FOR_ALL)
    with MockRom() as rom:
        code, said = flash(
            *("flash", "--board", "ESP32_GENERIC", "--port", rom.port),
            *("--firmware", str(firmware), "--app", str(program), "--version", "1.0.0"),
        )
        assert code == 0, said
        (tmp_path / "flash.bin").write_bytes(rom.flash)
    with LocalCloud(tmp_path / "cloud") as cloud, SerialBoard(tmp_path / "flash.bin") as board:
        secret = cloud.add_device(PK, DN).secret
        settings = tmp_path / "board.env"
        settings.write_text(
            f"product_key = {PK}\ndevice_name = {DN}\ndevice_secret = {secret}\n"
            f"host = 127.0.0.1\nport = {cloud.mqtts_port}\nca = {cloud.ca_file}\n"
            "wifi_ssid = roof\nwifi_pass = wifi-password\n"
        )
        board.power_on()
        board.wait_for(lambda: "quiet 1.0.0" in board.console_text(), what="the application")
        at = ("--port", board.port)
        code, said = flash("provision", *at, "--file", str(settings))
        assert code == 0, said
        (program / "main.py").write_text((ROOT / "micropython" / "main.py").read_text())
        code, said = flash("deploy", *at, str(program), "--version", "1.0.1")
        assert code == 0, said
        cloud.wait_for(lambda: cloud.version(PK, DN) == "1.0.1", 120, "the deployed version")
        code, said = flash("status", *at)
        assert code == 0, said
        assert "ota_0          version 1.0.0, valid, RUNNING" in said
        assert "runs           /dev_app" in said
        code, said = flash("selftest", *at)
        assert code == 0, said
        assert "VERDICT: PASS" in said


def test_the_device_tests_and_an_update_run_on_a_board_over_its_port(tmp_path: Path) -> None:
    """What `pytest host_tests --port P` does on a board, a small selection of it."""
    with SerialRig(tmp_path) as rig:
        rig.begin(source=QUIET_FOR_ALL)
        firmware = tmp_path / "firmware.bin"
        firmware.write_bytes(firmware_app())
        done = _pytest(
            *("--port", rig.port, "--mount", "--host-ip", "127.0.0.1"),
            *(
                "--firmware",
                str(firmware),
                "-k",
                "t_errors or t_credentials or t_sim_umqtt or metal_update",
                "-rA",
            ),
        )
        assert done.returncode == 0, done.stdout + rig.board.console_text()[-3000:]
        for name in ("test_every_advice_reaches", "test_a_board_takes_an_update_and_comes_back"):
            assert re.search(rf"PASSED .*{name}", done.stdout), done.stdout
        assert "tests the sim's umqtt, a board has the real one" in done.stdout
        rig.board.power_cut()
        assert [p for p in rig.board.files() if p.startswith("/alink_test")] == []


def test_a_mounted_folder_takes_the_device_tests_past_the_boards_flash(tmp_path: Path) -> None:
    with SerialRig(tmp_path) as rig, TcpPort(rig.port) as there:
        rig.begin()
        before = [op for op in rig.board.ops if op.partition == "vfs"]
        done = _pytest(
            *("--port", there.url, "--mount", "-rA"),
            *("-k", "t_credentials or a_first_set_of_files"),
        )
        assert done.returncode == 0, done.stdout + rig.board.console_text()[-3000:]
        assert "passed" in done.stdout
        # (Each start notes in NVS that it is one.)
        assert [op for op in rig.board.ops if op.partition == "vfs"] == before
    assert "--mount is for a board" in _pytest("--mount").stdout


def test_a_device_test_that_fails_on_the_board_fails_here_with_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt = {
        path: content
        for path, content in transport.files().items()
        if path == "/t_errors.mpy" or re.fullmatch(r"/alink/(advice/)?\w+\.mpy", path)
    }
    source = (ROOT / "host_tests" / "device" / "t_errors.py").read_bytes()
    spoilt["/t_errors.mpy"] = compile_mpy(
        source + b"\ndef test_of_now():\n    assert False, 'on purpose'\n", "t_errors.py", tmp_path
    )
    monkeypatch.setattr(transport, "files", lambda: spoilt)
    with SerialRig(tmp_path) as rig:
        rig.begin()
        metal = transport.Metal(rig.port)
        with pytest.raises(DeviceFailed, match=r"(?s)the board said.*test_of_now.*on purpose"):
            metal.run("t_errors", "test_of_now")
        assert "PASSED" in metal.run("t_errors", "test_every_code_is_in_the_table_once")
        metal.close()
        rig.wait_count("quiet 1.0.0", 2)
        rig.board.power_cut()
        assert [p for p in rig.board.files() if p.startswith("/alink_test")] == []


def _pytest(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "host_tests", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1200,
        check=False,
    )
