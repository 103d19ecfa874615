"""micropython/examples: each is packed, runs on the board on the desk, and does what it shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from host_tests.kit.rig import DN, PK, ROOT, Rig
from tools.release import build_archive

EXAMPLES = ROOT / "micropython" / "examples"


def example(name: str, **constants: int) -> str:
    """An example's source, with other numbers for some of its constants."""
    source = (EXAMPLES / name).read_text(encoding="utf-8")
    lines = source.split("\n")
    for constant, value in constants.items():
        places = [n for n, line in enumerate(lines) if line.startswith(f"{constant} = ")]
        assert len(places) == 1, constant
        lines[places[0]] = f"{constant} = {value}"
    return "\n".join(lines)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_every_example_is_short_and_told_of(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert 30 <= len(lines) <= 70
    assert f"`{path.name}`" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("plain_sim")
def test_the_sensor_publishes_and_is_told_how_often(rig: Rig) -> None:
    rig.board.heap = "esp32"
    rig.board.pin(34, 1)
    rig.start("1.0.0", example("sensor.py"))
    rig.wait(lambda: rig.sent("/user/sensor"), "a reading")
    assert json.loads(rig.sent("/user/sensor")[0].payload) == {"mv": 2450}
    topic = f"/{PK}/{DN}/user/sensor/set"
    for payload in (b"[]", b"{", b'{"every_s": "x"}', b'{"every_s": 1}'):
        rig.cloud.publish(PK, DN, topic, payload)
    rig.says("every 1000 ms")
    assert rig.board.console_text().count("not understood") == 3
    rig.wait(lambda: len(rig.sent("/user/sensor")) >= 2, "the next reading")


def test_the_sleeper_takes_an_update_between_two_sleeps(rig: Rig) -> None:
    quick = {"SLEEP_MS": 300, "LISTEN_MS": 4000}
    rig.board.nvs_set("alink_ota", "prove_ms", 60_000)
    rig.board.write_slot(0, rig.image("1.0.0", example("deep_sleep.py", **quick)))
    rig.board.power_on()
    rig.wait(lambda: len(rig.sent("/user/reading")) >= 2, "a reading before and after a sleep")
    assert [boot.ended for boot in rig.board.boots][:1] == ["deepsleep"]
    causes = [json.loads(m.payload)["cause"] for m in rig.sent("/user/reading")]
    assert causes[:2] == [1, 4]
    rig.update("1.1.0", rig.image("1.1.0", example("deep_sleep.py", **quick)))
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    slept = len(rig.board.boots)
    rig.board.wait_for(
        lambda: any(b.slot == 1 and b.ended == "deepsleep" for b in rig.board.boots[slept - 1 :]),
        what="a sleep of the new version",
    )


def test_the_sleeper_sleeps_where_there_is_no_network(rig: Rig) -> None:
    rig.board.wifi = "absent"
    source = example("deep_sleep.py", SLEEP_MS=50, LOST_MS=200)
    rig.board.write_slot(0, rig.image("1.0.0", source))
    rig.board.power_on()
    rig.wait_count("asleep", 2)
    rig.board.wifi = "ok"
    rig.reports("1.0.0")


def test_a_board_on_a_cable_is_updated(rig: Rig) -> None:
    for name in ("wifi_ssid", "wifi_pass"):
        rig.board.nvs_erase("alink", name)
    rig.board.wifi, rig.board.ethernet = "absent", "unplugged"
    source = example("ethernet.py")
    rig.board.write_slot(0, rig.image("1.0.0", source))
    rig.board.power_on()
    rig.board.ethernet = "ok"
    rig.reports("1.0.0")
    rig.update("1.1.0", rig.image("1.1.0", source))
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)


def test_files_come_beside_the_program_and_bad_ones_go_again(rig: Rig) -> None:
    rig.start("1.0.0", example("assets.py"))
    rig.says("assets: None no files yet")
    rig.wait(lambda: rig.cloud.version(PK, DN, "assets") == "0", "the module's version")
    folder = rig.folder / "assets"
    folder.mkdir()
    for version, text, state in (("7", "hello\n", "SUCCEEDED"), ("8", "\n", "FAILED")):
        (folder / "greeting.txt").write_text(text)
        rig.cloud.add_release(PK, version, build_archive(folder, 12), module="assets")
        rig.cloud.push(PK, DN, version, module="assets")
        rig.ends(version, state)
    rig.says("assets: hello")
    assert rig.cloud.version(PK, DN, "assets") == "7"
    rig.board.power_cut()
    rig.board.power_on()
    rig.says("assets: 7 hello")


def test_no_update_without_a_button(rig: Rig) -> None:
    rig.start("1.0.0", example("consent.py", ASK_S=1))
    rig.update("1.1.0", rig.image("1.1.0", example("consent.py")))
    rig.says("version 1.1.0 waits for the button")
    rig.wait_count("version 1.1.0 waits for the button", 2)
    assert not rig.fetched()
    rig.board.pin(4, 0)
    rig.says("agreed to 1.1.0")
    rig.board.pin(4, None)
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
