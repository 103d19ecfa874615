"""What the host's tools must not do to a person's files: overwrite, leak, pack or hang on them."""

from __future__ import annotations

import os
import re
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from host_tests.kit.firmware_files import app as app_bin
from host_tests.kit.firmware_files import application, merged
from host_tests.kit.images import make_image
from tools.cli import Refused
from tools.cloud.__main__ import main as cloud
from tools.flash import main as flash
from tools.image import main as image
from tools.images.application import remarks
from tools.places import InUse, check_output
from tools.sim import Board
from tools.sim.__main__ import main as sim


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder with a merged file, an app image and an application."""
    (tmp_path / "merged.bin").write_bytes(merged())
    (tmp_path / "image.bin").write_bytes(app_bin())
    application(tmp_path / "app")
    return tmp_path


def build(there: Path, output: Path) -> int:
    names = ("--firmware", there / "merged.bin", "--app", there / "app", "--version", "1.0.0")
    return image(["build", *map(str, names), "-o", str(output)])


def to_file(there: Path, output: Path, *more: str) -> int:
    names = ("--firmware", there / "merged.bin", "--image", there / "image.bin")
    board = ("flash", "--board", "ESP32_GENERIC")
    return flash([*board, *map(str, names), "--output", str(output), *more])


def run_sim(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["sim", *map(str, words)])
    return sim()


def test_no_tool_writes_over_what_it_reads(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (there / "link.bin").symlink_to(there / "merged.bin")
    before = {path: path.read_bytes() for path in there.rglob("*") if path.is_file()}
    packed = ["files", "--dir", str(there / "app"), "-o", str(there / "app" / "main.py")]
    for name in ("merged.bin", "link.bin"):
        assert build(there, there / name) == 1
        assert to_file(there, there / name, "--force") == 1
        assert capsys.readouterr().err.count("is also what is read") == 2
    assert to_file(there, there / "image.bin", "--force") == 1
    assert image(packed) == 1
    assert "is what is packed" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in before} == before


def test_a_mistyped_folder_is_refused_and_not_made(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = there / "relaese" / "out.bin"
    assert build(there, out) == 1
    assert to_file(there, out) == 1
    assert capsys.readouterr().err.count(f"there is no folder {out.parent}. Correct") == 2
    assert not out.parent.exists()
    with pytest.raises(Refused, match="is not a file"):
        check_output(Path("/dev/null"), ())


def test_an_existing_flash_file_stays_unless_forced_and_is_for_its_owner_alone(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = there / "all.bin"
    out.write_bytes(b"mine")
    out.chmod(0o644)
    assert to_file(there, out) == 1
    assert "all.bin exists. Name another, or replace it: --force" in capsys.readouterr().err
    assert out.read_bytes() == b"mine"
    assert to_file(there, out, "--force") == 0
    assert out.stat().st_size == 4 << 20
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with Board.create(there / "desk.bin"):
        assert stat.S_IMODE((there / "desk.bin").stat().st_mode) == 0o600


def test_the_version_of_a_finished_image_cannot_be_given(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert to_file(there, there / "all.bin", "--version", "2") == 1
    assert "the file of --image has a version of its own" in capsys.readouterr().err


def test_leftovers_stay_out_and_secrets_are_told_of(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = there / "app"
    for name in ("main.py~", ".main.py.swp", "x.swp", ".#main.py", "#main.py#", ".env"):
        (app / name).write_text("leftover")
    (app / "lib").mkdir()
    for name in ("wifi.key", "ca.pem", "prod.env", "lib/secrets.py"):
        (app / name).write_text("X = 1\n")
    left, *warned = remarks(app)
    assert left == "left out: #main.py#, .#main.py, .env, .main.py.swp, main.py~, x.swp"
    assert [line.split()[1] for line in warned] == [
        "ca.pem",
        "lib/secrets.py",
        "prod.env",
        "wifi.key",
    ]
    out = there / "out.bin"
    assert build(there, out) == 0
    said = capsys.readouterr().err
    assert left in said
    assert "warning: wifi.key looks like a secret, and IS PACKED" in said
    assert image(["inspect", str(out)]) == 0
    packed = capsys.readouterr().out
    assert "wifi.key" in packed
    assert "main.py~" not in packed


@pytest.mark.parametrize("verb", ["inspect", "build", "check", "flash"])
def test_a_pipe_is_refused_and_not_waited_for(
    verb: str, there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (there / "merged.bin").unlink()
    os.mkfifo(there / "merged.bin")
    pipe = str(there / "merged.bin")
    code = {
        "inspect": lambda: image(["inspect", pipe]),
        "build": lambda: build(there, there / "out.bin"),
        "check": lambda: flash(["check", pipe]),
        "flash": lambda: to_file(there, there / "out.bin"),
    }[verb]()
    assert code == 1
    assert "is a pipe or a device, not a file" in capsys.readouterr().err


def test_a_pipe_is_no_release(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    add = ["release", "add", "a1B2c3D4e5F", "1.0.0", str(tmp_path / "pipe")]
    assert cloud([*add, "--folder", str(tmp_path / "cloud")]) == 1
    assert "pipe is not a file. Name the file itself." in capsys.readouterr().err


@pytest.mark.parametrize("tool", [image, flash])
def test_a_tool_without_a_verb_shows_examples(
    tool: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(tool)
    assert tool([]) == 2
    said = capsys.readouterr().err
    assert "examples:\n  " in said
    assert said.count(".py ") > 4


def test_a_second_board_on_one_flash_file_is_refused_until_the_first_is_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "desk.bin"
    # What keeps it is another process, and dies without a word.
    program = "import sys; from tools.sim.flash import Flash; Flash(sys.argv[1]).lock(); "
    program += "print('locked', flush=True); sys.stdin.read()"
    with Board.create(path) as board:
        before = path.read_bytes()
        with subprocess.Popen(
            [sys.executable, "-c", program, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"locked\n"
            assert run_sim(monkeypatch, "run", path, "--seconds", "0.1") == 1
            assert "desk.bin is already running. Stop that board" in capsys.readouterr().err
            assert run_sim(monkeypatch, "create", path, "--force") == 1
            assert path.read_bytes() == before
            with pytest.raises(InUse):
                board.power_on()
            other.kill()
        board.power_on()  # erased: the boot ROM finds nothing to start
        board.wait_for(lambda: board.bricked, what="no boot")


@pytest.mark.parametrize(
    "value", ["port=99999999999", "port=65536", "port=mqtt", "secure=4294967296"]
)
def test_a_setting_that_is_no_number_makes_no_board(
    value: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_sim(monkeypatch, "create", tmp_path / "desk.bin", "--set", value) == 1
    assert "a number is wanted, 0 to" in capsys.readouterr().err
    assert not (tmp_path / "desk.bin").exists()


@pytest.mark.parametrize("content", [b"", b"\xe9", bytes(range(256)) * 64, make_image()[:-40]])
def test_an_image_that_would_not_boot_makes_no_board(
    content: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "random.bin").write_bytes(content)
    image = tmp_path / "random.bin"
    assert run_sim(monkeypatch, "create", tmp_path / "desk.bin", "--image", image) == 1
    said = capsys.readouterr().err
    assert re.search(r"random\.bin would not boot: .*tools/image\.py build", said)
    assert not (tmp_path / "desk.bin").exists()


def test_a_secret_goes_from_cloud_to_board_in_a_file_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, pem = tmp_path / "secret.txt", tmp_path / "ca.pem"
    authority = trustme.CA().cert_pem.bytes()
    pem.write_bytes(authority)
    add = ["device", "add", "a1B2c3D4e5F", "green", "--folder", str(tmp_path / "cloud")]
    assert cloud([*add, "--secret-file", str(secret)]) == 0
    text = secret.read_text()
    assert len(text) == 33
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert text.strip() not in capsys.readouterr().out
    assert cloud([*add, "--secret-file", str(secret)]) == 1
    assert secret.read_text() == text
    desk = tmp_path / "desk.bin"
    sets = ("--set", f"device_secret=@{secret}", "--set", f"ca=@{pem}", "--set", "port=8883")
    assert run_sim(monkeypatch, "create", desk, *sets) == 0
    with Board(desk) as board:
        assert board.nvs_get("alink", "device_secret") == text.strip().encode()
        assert board.nvs_get("alink", "ca") == ssl.PEM_cert_to_DER_cert(authority.decode())
        assert board.nvs_get("alink", "port") == 8883
