"""What the README shows is what works."""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.kit.mock_rom import MockRom
from host_tests.kit.rig import DN, PK, ROOT, Rig
from host_tests.kit.serial_rig import flash
from tools.dev import stock
from tools.sim import Board

README = (ROOT / "README.md").read_text(encoding="utf-8")


def example() -> str:
    """The README's main loop."""
    found = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1]


def test_the_main_loop_of_the_readme_takes_an_update(tmp_path: Path) -> None:
    source = example()
    with Rig(tmp_path) as rig:
        # Its placeholders, and what a stand-in on the desk needs beside them.
        for old, new in (
            ("<device secret>", rig.device.secret),
            (
                '"iot-xxxxxxxx.mqtt.iothub.aliyuncs.com")',
                f'"127.0.0.1", {rig.cloud.mqtts_port}, ca=CA)',
            ),
            ("Updater(device, VERSION, ", "Updater(device, VERSION, ca=CA, "),
            ("True if time.gmtime()[3] in (2, 3, 4) else 1800", "True"),
            (
                "device = ",
                "from alink.journal import Store\nCA = Store('alink').get_bytes('ca')\ndevice = ",
            ),
        ):
            assert source.count(old) == 1, old
            source = source.replace(old, new)
        rig.start("1.0.0", source)
        rig.release("1.1.0", rig.image("1.1.0", source))
        rig.push("1.1.0")
        rig.ends("1.1.0", "SUCCEEDED")
        rig.confirmed(1)
        rig.cloud.publish(PK, DN, f"/{PK}/{DN}/user/set", b"hello")
        rig.says("told b'hello'")


def test_the_demo_ends_as_told() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.demo", "--full-speed"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all acts ended as told" in done.stdout


def block(page: str, title: str) -> str:
    """The commands below a heading of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.search(r"```\n(.*?)```", text[text.index(f"# {title}\n") :], re.DOTALL)
    assert found
    return found[1]


RELEASE = block("README.md", "A release")
TRYING = block("docs/trying.md", "Trying it by hand, without the platform")
SMALL = block("docs/small-updates.md", "Small updates")
BOARD = re.sub(r"\\\n\s*", "", block("README.md", "Your board")).splitlines()


def shell(folder: Path, commands: str) -> str:
    """What a person's shell prints for them, in a folder that looks like the repository."""
    for name in ("tools", "micropython", "boards"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    (folder / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
    (folder / ".venv" / "bin" / "activate").write_text(
        f'PATH="{Path(sys.executable).parent}:$PATH"\n'
    )
    done = subprocess.run(
        ["bash", "-e", "-c", commands],
        cwd=folder,
        env={key: os.environ[key] for key in os.environ if key != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_board_by_hand_takes_its_update_as_written(tmp_path: Path) -> None:
    """The commands of trying.md, word by word but for the port, each in its turn."""
    port = str(free_port())
    lines = re.sub(r"\\\n\s*", "", TRYING).replace("8883", port).splitlines()
    names = ("cloud serve", "cloud device", "sim create", "sim run", "cloud release", "cloud push")
    places = [
        next(at for at, line in enumerate(lines) if f"tools.{name} " in line) for name in names
    ]
    assert places == sorted(places)
    assert lines[-1] == "python -m tools.cloud watch"
    serving, running = places[0], places[3]
    said = shell(tmp_path, RELEASE + "\n".join(lines[:serving]))
    assert "version      1.1.0" in said
    with contextlib.ExitStack() as stack:
        stack.enter_context(going_on(tmp_path, lines[serving], "Ctrl-C"))
        said = shell(tmp_path, "\n".join(lines[:2] + lines[serving + 1 : running]))
        secret = (tmp_path / "secret.txt").read_text().strip()
        assert secret not in said
        assert "note:" not in said
        with Board(tmp_path / "desk.bin") as board:
            assert board.nvs_get("alink", "device_secret") == secret.encode()
            assert board.slot_bytes(0).startswith((tmp_path / "release-1.0.0.bin").read_bytes())
            board.nvs_set("alink_ota", "prove_ms", 0)  # a minute of its main loop
        board_runs = going_on(tmp_path, lines[running], "version 1.0.0")
        process = stack.enter_context(board_runs)
        shell(tmp_path, "\n".join(lines[:2] + lines[running + 1 : -1]))
        watching = "\n".join((*lines[:2], lines[-1].replace("watch", "status")))
        while "SUCCEEDED" not in (said := shell(tmp_path, watching)):
            assert "FAILED" not in said
            assert process.poll() is None, "the board has ended"


@contextlib.contextmanager
def going_on(folder: Path, line: str, said: str) -> Iterator[subprocess.Popen[str]]:
    """A command with & at its end, in a folder of shell(), once it has said that; then Ctrl-C."""
    program, *words = (word for word in shlex.split(line, comments=True) if word != "&")
    assert program == "python"
    with subprocess.Popen(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            told = ""
            while said not in told:
                line = process.stdout.readline()
                assert line, f"it has ended: {told}"
                assert "this board has no" not in line, "it waits for ever"
                told += line
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


SECRETS = sorted(
    {
        name
        for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
        for name in re.findall(
            r"^[^|]*--(?:settings|secret-file|provision|new-key) ([a-z]\w*\.\w+)",
            page.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    }
)


def test_a_secret_that_these_pages_make_is_not_committed_with_the_rest(tmp_path: Path) -> None:
    assert "greenhouse_07.env" in SECRETS
    assert "secret.txt" in SECRETS
    shutil.copy(ROOT / ".gitignore", tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, timeout=60)
    done = subprocess.run(
        ["git", "check-ignore", *SECRETS], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == SECRETS


def test_a_small_update_is_made_as_written(tmp_path: Path) -> None:
    said = shell(tmp_path, RELEASE + SMALL)
    found = re.search(r"from-1\.1\.0\.alp: (\d+) bytes, 0\.0 % of the image", said)
    assert found
    assert int(found[1]) <= 1024
    assert "difference  1.1.0 -> 1.1.1 of a1B2c3D4e5F" in said


def test_a_board_comes_from_its_bag_to_its_first_update_in_eight_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands of README, word by word but for ports and this computer's address."""
    assert len(BOARD) <= 8, "from a clone"
    environment, making, *rest, building, adding_release, pushing = BOARD
    serving, adding, flashing = (shlex.split(one, True) for one in rest)
    offering = [shlex.split(one) for one in (adding_release, pushing)]
    assert environment == "make env && . .venv/bin/activate"  # what runs this is made so
    shell(tmp_path, making)
    # As if the network were there: what is fetched by its version lies here already.
    shutil.copy(stock.merged_image().path, tmp_path / "ESP32_GENERIC-20251209-v1.27.0.bin")
    monkeypatch.chdir(tmp_path)
    port = free_port()
    here = {"192.168.1.10": "127.0.0.1", "0.0.0.0": "127.0.0.1", "8883": str(port)}
    server = subprocess.Popen(
        [sys.executable, *(here.get(word, word) for word in serving[1:] if word != "&")],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        while "Ctrl-C" not in (line := server.stdout.readline()):
            assert line, "serve has ended"
        cloud(adding)
        answers = {"name of the Wi-Fi": "roof", "password of the Wi-Fi": "wifi-password"}
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
        monkeypatch.setattr("builtins.input", lambda what: answers[what.split(":")[0]])
        monkeypatch.setattr(getpass, "getpass", lambda what: answers[what.split(" (")[0]])
        with MockRom() as rom:
            code, said = flash(*flashing[2:], "--port", rom.port)
            assert code == 0, said
            (tmp_path / "flash.bin").write_bytes(rom.flash)
        with Board(tmp_path / "flash.bin") as board:
            board.nvs_set("alink_ota", "prove_ms", 0)  # a minute of its main loop
            board.power_on()
            shell(tmp_path, f". .venv/bin/activate\n{building}")
            for command in offering:
                cloud(command)
            watching = ["python", "-m", "tools.cloud", "status"]
            board.wait_for(lambda: "SUCCEEDED" in cloud(watching), 90, "the update")
            assert board.running_slot() == 1
    finally:
        server.terminate()
        server.wait(30)
        assert server.stdout is not None
        server.stdout.close()


def cloud(words: list[str]) -> str:
    """What a command of the stand-in prints."""
    done = subprocess.run(
        [sys.executable, *words[1:]],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def free_port() -> int:
    """A port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
    return number


def rows(text: str) -> list[list[str]]:
    """The cells of every line of Markdown tables in a text."""
    return [
        [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        for line in text.splitlines()
        if line.startswith("| ")
    ]


def test_every_figure_of_the_readme_was_measured_by_make_bench() -> None:
    measured = rows((ROOT / "docs" / "figures.md").read_text(encoding="utf-8"))
    values = {row[0]: row[1] for row in measured}
    section = README.split("\n## Where it stands\n", 1)[1].split("\n## ", 1)[0]
    told = [row for row in rows(section) if row[0] != "figure"]
    assert len(told) >= 6
    assert {row[0]: row[1] for row in told} == {row[0]: values.get(row[0]) for row in told}


def test_no_more_heap_is_promised_than_the_figures_leave() -> None:
    left = re.search(r"\*\*(\d+) KB when idle and (\d+) KB at\s+the\s+worst", README)
    over_mqtt = re.search(r"\(over\s+MQTT (\d+)[;)]", README)
    assert left
    assert over_mqtt
    alive = [int(row[1][:-6].replace(",", "")) for row in rows(README) if "alive" in row[0]]
    first, firmware = (
        56 * 1024,
        10_000,
    )  # Python's heap before it grows, and what stock takes of it
    for told, taken in zip((left[1], left[2], over_mqtt[1]), alive, strict=True):
        # (What is told was read off a chip, where the firmware's own code weighs, too.)
        assert -4 < int(told) - (first - firmware - taken) / 1024 < 1, (told, taken)
