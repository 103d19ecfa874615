"""What the README shows is what works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from host_tests.rig import DN, PK, ROOT, Rig
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
        rig.cloud.publish(PK, DN, f"/{PK}/{DN}/user/update/set", b"hello")
        rig.says("told b'hello'")


def test_the_readme_names_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"make (\w+)", "\n".join(re.findall(r"`[^`]+`", README))))
    assert {"demo", "test"} <= named
    assert named <= targets


def block(title: str) -> str:
    """The commands below a heading."""
    found = re.search(r"```\n(.*?)```", README[README.index(f"### {title}\n") :], re.DOTALL)
    assert found
    return found[1]


def test_the_release_and_the_board_by_hand_are_made_as_written(tmp_path: Path) -> None:
    by_hand = block("Trying it by hand, without the platform")
    # serve and run go on until Ctrl-C, and the rest needs them: tests of their own.
    made = re.sub(r"^python -m tools\.cloud serve .*$", ":", by_hand, flags=re.MULTILINE)
    made = made[: made.index("python -m tools.sim run")]
    for folder in ("tools", "micropython", "boards"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / ".cloud").mkdir()
    (tmp_path / ".cloud" / "ca.pem").write_bytes(b"what serve leaves there")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").write_text(
        f'PATH="{Path(sys.executable).parent}:$PATH"\n'
    )
    done = subprocess.run(
        ["bash", "-e", "-c", block("Making a release") + made],
        cwd=tmp_path,
        env={key: os.environ[key] for key in os.environ if key != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "version      1.1.0" in done.stdout
    secret = (tmp_path / "secret.txt").read_text().strip()
    assert secret not in done.stdout + done.stderr
    with Board(tmp_path / "desk.bin") as board:
        assert board.nvs_get("alink", "device_secret") == secret.encode()
        assert board.slot_bytes(0).startswith((tmp_path / "release-1.0.0.bin").read_bytes())
    assert (tmp_path / "release-1.1.0.bin").is_file()


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
    section = README.split("\n## Figures\n", 1)[1].split("\n## ", 1)[0]
    told = [row for row in rows(section) if row[0] != "figure"]
    assert len(told) >= 6
    assert {row[0]: row[1] for row in told} == {row[0]: values.get(row[0]) for row in told}
