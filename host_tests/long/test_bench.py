"""The bench's machinery, in its smallest form: each figure can still be measured."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tools.bench import __main__ as bench
from tools.bench import (
    bars,
    chip,
    fleet,
    latency,
    memory,
    modules,
    mqtt,
    packed,
    report,
    sessions,
    throughput,
    traffic,
)
from tools.bench.report import Figure, Picture, Section
from tools.chip.header import parse_image
from tools.cloud import open_files
from tools.dev import stock
from tools.release.pack import difference
from tools.sim import Board

SVG = "{http://www.w3.org/2000/svg}"


def quiet(text: str) -> None:
    """Measurements say what they do; nobody listens here."""


def values(section: Section) -> dict[str, str]:
    return {figure.what: figure.value for figure in section.figures}


def test_throughput_is_measured_beside_a_bare_loop_that_fetched_the_same_bytes() -> None:
    found = values(throughput.measure(quiet, pairs=1, small=True))
    for kind in ("plain", "TLS"):
        assert float(found[f"{kind}, update / bare loop"]) > 0
        assert found[f"{kind}, update"].endswith("MB/s")
    assert "TLS handshake alone (bare loop)" in found


def test_allocation_is_measured_and_the_chunk_path_still_takes_none() -> None:
    section = memory.allocated(quiet, small=True, transports=(True,))
    found = values(section)
    assert found["TLS, in the chunk path"] == "0 bytes"
    assert found["TLS, 500 idle poll()s"] == "0 bytes"
    assert "connection" in next(f.note for f in section.figures if "per update" in f.what)


def test_an_update_over_mqtt_takes_the_same_heap_for_every_block_size() -> None:
    section = mqtt.measure(quiet, small=True)
    found = values(section)
    assert found["4 KiB blocks, in the chunk path"] == "0 bytes"
    assert found["64 KiB blocks, in the chunk path"] == "0 bytes"
    assert all(figure.met is not False for figure in section.figures)


def test_every_module_of_the_package_is_weighed_on_its_own() -> None:
    found = values(modules.measure(quiet))
    sources = modules.PACKAGE.rglob("*.py")
    names = {
        ".".join(source.relative_to(modules.PACKAGE).with_suffix("").parts)
        for source in sources
        if source.parent == modules.PACKAGE or source.stem != modules.FACE
    }
    assert set(found) == {*names, "all of the package"}
    assert all(int(value.split()[0].replace(",", "")) > 0 for value in found.values())


def test_what_is_alive_is_told_by_state_and_reckoned_for_a_chip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none() -> Path:
        raise chip.NotHere("Node.js is not installed here")

    monkeypatch.setattr(chip, "interpreter", none)
    section = chip.measure(quiet, small=True)
    assert section.figures[0].value == "not measured"
    assert "Node.js is not installed" in section.figures[0].note
    found = values(section)

    def alive(where: str, state: str) -> int:
        return int(found[f"{where}: alive {state}"].split()[0].replace(",", ""))

    idle = alive("64-bit port", "when idle")
    for state in ("judging", "opening", "moving", "verifying", "storing"):
        assert alive("64-bit port", f"when {state}") > idle > 10000
    assert alive("64-bit port", "on trial") > idle
    worst = alive("64-bit port", "at the worst moment of an update over HTTPS")
    assert alive("reckoned for a chip (/ 1.43)", "when idle") == round(idle / 1.43)
    assert worst >= alive("64-bit port", "when judging")


def test_without_node_the_chip_section_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(chip, "FOLDER", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(chip.NotHere, match=r"Node\.js is not installed"):
        chip.interpreter()
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/node" if name == "node" else None)
    with pytest.raises(chip.NotHere, match="npm is not installed"):
        chip.interpreter()
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/false")
    with pytest.raises(chip.NotHere, match="npm could not bring"):
        chip.interpreter()


def test_modules_are_weighed_on_a_32_bit_interpreter_that_is_there() -> None:
    place = chip.FOLDER / "node_modules" / chip.PORT / "micropython.mjs"
    if shutil.which("node") is None or not place.is_file():
        pytest.skip("no 32-bit MicroPython: `make bench ONLY=chip` brings it where Node.js is")
    found, names = chip.weighed(place)
    assert list(found) == modules.order()
    assert all(0 < taken < 16384 for taken in found.values())
    assert names > 100


def test_the_way_from_reset_to_the_first_line_is_timed() -> None:
    found = values(latency.first_line(quiet, boots=1))
    assert float(found["first line of the application"].split()[0]) > 0


def test_traffic_and_flash_operations_of_an_update_are_counted() -> None:
    found = values(traffic.measure(quiet, small=True))
    erased, written = (int(found["flash, slot"].split()[at]) for at in (0, 3))
    # Each block once; the one behind the image, too, if an older volume stands there.
    assert written <= erased <= written + 1
    assert int(found["HTTPS, in all"].split()[0].replace(",", "")) > 65536


def test_small_updates_are_measured_by_kind_and_a_line_costs_little() -> None:
    section = packed.measure(quiet, small=True)
    found = values(section)
    sizes = [int(found[f"one line, {kind}"].split()[0].replace(",", "")) for kind in packed.KINDS]
    assert sizes == sorted(sizes, reverse=True)
    line = next(one for one in section.figures if one.what == "one line, difference")
    assert line.met
    full, *others = [one for one in section.figures if one.what.startswith("alive at the worst")]
    assert "beside full" not in full.note
    assert len(others) == 6
    assert all("beside full" in one.note for one in others)


def test_the_made_firmware_is_an_image() -> None:
    app = stock.synthetic_app(65536)
    moved = packed._moved(app)
    assert len(moved) == len(app)
    assert parse_image(moved).problems == ()
    assert 20_000 < len(difference(moved, app)) < 22_000


def test_bars_are_as_long_as_their_values_digits() -> None:
    picture = bars.draw("a & b", [("one <line>", [("full", 1_000_000), ("small", 100)])])
    root = ElementTree.fromstring(picture)
    boxes = [float(one.get("width", "0")) for one in root.iter(f"{SVG}rect")]
    assert boxes[-1] == 1.0  # the smallest decade begins there
    assert boxes[-2] > 400
    texts = [one.text for one in root.iter(f"{SVG}text")]
    assert "one <line>" in texts
    assert "1,000,000" in texts


def test_what_is_printed_only_leaves_the_page_and_its_picture_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Picture("p.svg", "Bars", "<svg/>")
    section = Section("packed", "p", [Figure("a", "b")], "How.", picture)
    monkeypatch.setattr(bench, "MEASUREMENTS", {"packed": lambda say: section})
    monkeypatch.setattr(report, "PAGE", tmp_path / "docs" / "figures.md")
    monkeypatch.setattr(report, "ROOT", tmp_path)
    monkeypatch.setattr("sys.argv", ["bench", "packed"])
    assert bench.main() == 0
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("sys.argv", ["bench"])
    assert bench.main() == 0
    assert "![Bars](p.svg)" in (tmp_path / "docs" / "figures.md").read_text()
    assert (tmp_path / "docs" / "p.svg").read_text() == "<svg/>"


def test_what_a_power_cut_costs_is_counted() -> None:
    section = traffic.resume(quiet, small=True, cuts=1)
    assert section.figures[0].met


def test_a_fleet_updates_and_the_servers_cost_is_told() -> None:
    found = values(fleet.measure(quiet, sizes=(3,)))
    assert float(found["3 boards, to the last SUCCEEDED"].split()[0]) > 0


def test_the_page_names_the_command_of_every_figure(tmp_path: Path) -> None:
    figure = report.target(Figure("a | b", "1 ms"), False, "at most 0")
    text = report.page([Section("poll", "poll()", [figure], "How.")])
    assert "| poll(): a \\| b | 1 ms | target at most 0: MISSED | `make bench ONLY=poll` |" in text


def test_a_measurement_that_fails_does_not_cost_the_page_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(say: object) -> Section:
        raise RuntimeError("no such board")

    good = Section("good", "good", [Figure("speed", "9 m/s")])
    monkeypatch.setattr(bench, "MEASUREMENTS", {"broken": broken, "good": lambda say: good})
    monkeypatch.setattr(report, "PAGE", tmp_path / "docs" / "figures.md")
    monkeypatch.setattr(report, "ROOT", tmp_path)
    monkeypatch.setattr("sys.argv", ["bench"])
    assert bench.main() == 1
    text = (tmp_path / "docs" / "figures.md").read_text()
    assert "could not be measured" in text
    assert "no such board" in text
    assert "9 m/s" in text


def test_a_rollout_reaches_every_light_session_through_a_broker() -> None:
    section = sessions.measure(quiet, sizes=(20, 50))
    if any(figure.value == "not measured" for figure in section.figures):
        pytest.skip("NO MOSQUITTO HERE: install it (Debian: apt-get install mosquitto)")
    assert [figure.what for figure in section.figures if "SUCCEEDED" in figure.what] == [
        "20 sessions, rollout to the last SUCCEEDED",
        "50 sessions, rollout to the last SUCCEEDED",
    ]
    assert "50 over 20" in section.figures[-1].what


def test_a_busy_machine_does_not_judge_the_throughput() -> None:
    figure = Figure("share", "0.92")
    assert throughput._judged(figure, [0.6, 0.7, 0.92, 1.5, 3.8], 0.9).met is None
    assert throughput._judged(figure, [0.90, 0.91, 0.92, 0.93, 0.94], 0.9).met is True
    assert throughput._judged(figure, [0.70, 0.71, 0.72, 0.73, 0.74], 0.9).met is False


def test_a_fleet_may_have_more_descriptors_than_select_takes(tmp_path: Path) -> None:
    assert open_files.allow(2048) >= 2048
    many = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        with Board.create(tmp_path / "flash.bin") as board:
            board.install_file("/main.py", "print('alive')")
            board.write_slot(0, stock.synthetic_app(65536))
            board.power_on()
            board.wait_for(lambda: "alive" in board.console_text(), 120, "the first line")
    finally:
        for fd in many:
            os.close(fd)


@pytest.mark.parametrize("enough_from", [40, 64, 65, 200])
def test_the_search_for_the_smallest_heap_finds_it(enough_from: int) -> None:
    assert memory._search(lambda kib: kib >= enough_from, 1, False) == enough_from
