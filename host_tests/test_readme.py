"""What the README shows is what works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from host_tests.rig import DN, PK, ROOT, Rig
from tools import stock

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


def test_the_release_lines_of_the_readme_run_as_written(tmp_path: Path) -> None:
    lines = re.findall(r"^tools/image\.py .*$", README, re.MULTILINE)
    assert [line.split()[1] for line in lines] == ["build", "inspect"]
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    (tmp_path / "ESP32_GENERIC.bin").write_bytes(stock.app_image().data)
    (tmp_path / "my_app").mkdir()
    (tmp_path / "my_app" / "main.py").write_text(example())
    # What activating the environment does to a shell.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for line in lines:
        done = subprocess.run(
            line.split(), cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert "1.1.0" in done.stdout


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
