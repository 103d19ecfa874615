"""What a newcomer reads when the board is not there, is busy, is silent or is something else."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import serial

from host_tests.kit.bridge import SerialBoard
from host_tests.kit.serial_rig import QUIET, SerialRig, Stranger, flash, raw_repl
from tools.cli import Refused
from tools.flashing import link as device_link
from tools.flashing.link import Link
from tools.flashing.patience import PATIENCE
from tools.flashing.ports import resolve
from tools.flashing.refusals import explain_open
from tools.programs import FLASH

VERBS = ("provision", "deploy", "status", "selftest", "monitor")
READ = ("status", "selftest")


# Hurried only where giving up is what is wanted: whoever answers may be late on a busy machine.
NOT_RESTARTED = replace(PATIENCE, announce=0.2)  # no stranger here restarts when it is left
SILENT = replace(NOT_RESTARTED, ask=0.3, start=0.8, read=0.1)
STRANGE = replace(NOT_RESTARTED, ask=0.3, strange=0.5, read=0.1)
HALTING = replace(NOT_RESTARTED, ask=0.3, first=0.05, quiet=0.05, read=0.1)


@pytest.fixture(autouse=True)
def _never_restarted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "rig" not in request.fixturenames:
        monkeypatch.setattr(device_link, "PATIENCE", NOT_RESTARTED)


@pytest.fixture
def rig(one_rig: SerialRig) -> SerialRig:
    one_rig.board.power_cut()
    one_rig.board.console.clear()
    one_rig.board.boots.clear()
    one_rig.board.power_on()
    one_rig.says("quiet 1.0.0")
    return one_rig


def _arguments(verb: str, tmp_path: Path) -> list[str]:
    if verb == "provision":
        return ["--clear"]
    if verb == "deploy":
        (tmp_path / "main.py").write_text(QUIET)
        return [str(tmp_path)]
    return []


@pytest.mark.parametrize("verb", VERBS)
def test_a_port_that_is_not_there_is_named(verb: str, tmp_path: Path) -> None:
    code, said = flash(verb, "--port", "/dev/ttyNoBoard7", *_arguments(verb, tmp_path))
    assert code == 1
    assert said.startswith("flash: there is no port /dev/ttyNoBoard7. Plug the board in")


@pytest.mark.parametrize("verb", VERBS)
def test_without_any_port_the_cable_is_named(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serial.tools.list_ports.comports", list)
    code, said = flash(verb, *_arguments(verb, tmp_path))
    assert code == 1
    assert "no board found" in said
    assert "--port" in said


@pytest.mark.parametrize("verb", VERBS)
def test_a_busy_port_names_what_may_hold_it(verb: str, tmp_path: Path) -> None:
    with Stranger(lambda typed: b"") as there, serial.Serial(there.port, exclusive=True):
        code, said = flash(verb, "--port", there.port, *_arguments(verb, tmp_path))
    assert code == 1
    assert "is busy: another program uses it. Close it (a serial monitor" in said


def test_a_port_one_may_not_open_names_the_group() -> None:
    found = explain_open("/dev/ttyUSB0", errno.EACCES, "[Errno 13] Permission denied")
    assert "may not open /dev/ttyUSB0" in found.cause
    assert "dialout" in found.advice


def test_a_file_is_not_a_port(tmp_path: Path) -> None:
    path = tmp_path / "firmware.bin"
    path.write_bytes(b"x")
    with pytest.raises(Refused, match="is not a port"):
        Link(str(path))


@pytest.mark.parametrize("verb", [v for v in VERBS if v != "monitor"])
def test_a_silent_board_is_told_from_a_wrong_one(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_link, "PATIENCE", SILENT)
    with Stranger(lambda typed: b"") as there:
        code, said = flash(verb, "--port", there.port, *_arguments(verb, tmp_path))
    assert code == 1
    assert f"the board on {there.port} does not answer. Is it the right port" in said


def refused(answers: Callable[[bytes], bytes], verb: str = "status") -> str:
    """What is said of something that answers so, by a verb that has nothing to do with it."""
    with Stranger(answers) as there:
        code, said = flash(verb, "--port", there.port)
    assert code == 1
    return said


def test_what_is_not_micropython_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_link, "PATIENCE", STRANGE)
    said = refused(lambda typed: b"\r\nlogin: ")
    assert "is not MicroPython's REPL; it said: login:" in said
    assert "flash.py flash" in said


def test_a_raw_repl_that_talks_nonsense_is_not_taken_for_micropython() -> None:
    said = refused(raw_repl(b"hello\r\n"))
    assert "is not MicroPython's REPL; it said: hello" in said


@pytest.mark.parametrize("verb", READ)
def test_a_micropython_older_than_1_25_is_refused(verb: str) -> None:
    said = refused(raw_repl(b"('micropython', (1, 24, 1), 'esp32', 'ESP32')\r\n"), verb)
    assert "runs MicroPython 1.24.1; alink needs 1.25 or newer. Flash a newer one" in said


def test_circuitpython_is_refused_by_name() -> None:
    said = refused(raw_repl(b"('circuitpython', (10, 0, 0), 'Espressif', 'x')\r\n"))
    assert "runs circuitpython 10.0.0" in said


def test_a_board_that_falls_silent_in_the_middle_is_told(
    rig: SerialRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_link, "PATIENCE", NOT_RESTARTED)
    with Link(rig.port) as link:
        link.clean()
        with pytest.raises(Refused, match="stopped answering"):
            link.run("import time\nwhile True: time.sleep(1)", timeout_s=0.3)


def test_a_board_that_is_reset_in_the_middle_is_told_at_once(
    rig: SerialRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_link, "PATIENCE", NOT_RESTARTED)
    with Link(rig.port) as link:
        link.clean()
        with pytest.raises(Refused, match=r"restarted by itself meanwhile \(SW\)"):
            link.run("import machine\nmachine.reset()", timeout_s=60)


def test_a_soft_reset_that_ends_in_a_reset_is_tried_once_more(rig: SerialRig) -> None:
    rig.board.stumbles = 1
    assert rig.flash("provision", "--clear")[0] == 0
    rig.board.stumbles = 2
    code, said = rig.flash("provision", "--clear")
    assert code == 1
    assert "the board restarted by itself meanwhile (SW)" in said


def test_an_exception_on_the_board_is_passed_on_with_its_last_line(rig: SerialRig) -> None:
    with Link(rig.port) as link:
        link.clean()
        with pytest.raises(Refused, match="ValueError: of its own"):
            link.run("raise ValueError('of its own')")
    rig.wait_count("quiet 1.0.0", 2)  # and its program runs again


def test_a_board_without_alinks_boot_py_is_not_deployed_to(rig: SerialRig, tmp_path: Path) -> None:
    board = rig.board
    board.power_cut()
    loader = board.read_file("/boot.py")
    board.remove_file("/boot.py")
    board.power_on()
    code, said = rig.flash("deploy", *_arguments("deploy", tmp_path))
    assert code == 1
    assert "alink's boot.py is not on the board" in said
    assert "mpremote cp micropython/boot.py :boot.py" in said
    code, said = rig.flash("status")
    assert code == 0
    assert "loader         MISSING" in said
    code, said = rig.flash("selftest", "--offline")
    assert code == 1
    assert "VERDICT: FAIL (loader): alink's boot.py did not run" in said
    board.power_cut()
    board.install_file("/boot.py", loader)


def test_mpremotes_names_for_ports_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve("u0") == "/dev/ttyUSB0"
    assert resolve("a1") == "/dev/ttyACM1"
    assert resolve("c3") == "COM3"
    assert resolve("port:/dev/pts/4") == "/dev/pts/4"
    assert resolve("socket://127.0.0.1:4000") == "socket://127.0.0.1:4000"
    monkeypatch.setattr("serial.tools.list_ports.comports", list)
    with pytest.raises(Refused, match="no port has the serial number 1234"):
        resolve("id:1234")


def test_mpremote_itself_takes_the_bridge_for_a_board(rig: SerialRig) -> None:
    with Link(rig.port) as link:
        link.clean()
        assert link.run("print(6 * 7)") == "42\n"
        link.restart()
    rig.wait_count("quiet 1.0.0", 2)
    assert isinstance(rig.board, SerialBoard)
    assert [boot.ended for boot in rig.board.boots] == ["soft", "soft", None]


@pytest.mark.parametrize("late", [2, 4])
def test_a_board_that_is_still_starting_is_asked_again_until_it_is_in_step(
    late: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ctrl-C and Ctrl-A of earlier, obeyed only now: each breaks off the program of now.
    healthy = raw_repl(b"('micropython', (1, 27, 0), 'esp32', 'ESP32')\r\n")
    pasting = False
    broken = 0

    def answer(typed: bytes) -> bytes:
        nonlocal pasting, broken
        if b"\x05A\x01" in typed and broken < late:
            pasting = True
            return b"R\x01\x00\x10"
        if b"\x03" in typed:
            pasting = False  # as MicroPython does: whoever was answered too late begins anew
        if pasting:
            pasting = b"\x04" not in typed
            broken += not pasting
            return b"" if pasting else b"\r\nraw REPL; CTRL-B to exit\r\n>"
        return healthy(typed)

    with Stranger(answer) as there:
        monkeypatch.setattr(device_link, "PATIENCE", HALTING)
        link = Link(there.port)
        link.interrupt()
        link._transport.close()
    assert link.version == (1, 27, 0)
    assert broken == late


def test_a_program_that_arrives_in_part_is_sent_again(
    rig: SerialRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Link(rig.port) as link:
        link.clean()
        transport = link._transport
        lost: list[bytes] = []
        write = transport.serial.write

        def lossy(data: bytes) -> int:
            if data == b"\x04" and not lost:
                lost.append(data)  # the end of the program never arrives, and no error is seen
                return 1
            return int(write(data))

        monkeypatch.setattr(link, "_window_s", 0.5)
        monkeypatch.setattr(transport.serial, "write", lossy)
        assert link.run("print('all ' + 'of it')") == "all of it\n"
        assert lost


@pytest.mark.parametrize(
    "more", [("--host", "x.example"), ("--file", "a.env"), ("--no-tls",), ("--mqtt-port", "1883")]
)
def test_clear_does_not_pass_over_a_setting_in_silence(
    capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    assert FLASH.main(["provision", "--clear", *more, "--port", "/dev/null"]) == 1
    assert f"--clear erases every setting, and {more[0]} would set one" in capsys.readouterr().err
