"""deploy, status, selftest, monitor: the development cycle, and what support gets to read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit.json_page import keys
from host_tests.kit.rig import DN, PK, app
from host_tests.kit.serial_rig import QUIET, QUIET_FOR_ALL, SerialRig
from tools.cli import Refused
from tools.flashing.link import Link
from tools.flashing.verbs import monitor
from tools.flashing.verbs.selftest import Check, verdict
from tools.flashing.verbs.status import look

SAYS = 'from version import VERSION\nimport helper\nprint("deployed", VERSION, helper.WORD)\n'


RUNS = QUIET_FOR_ALL  # see conftest.py


@pytest.fixture
def rig(one_rig: SerialRig) -> SerialRig:
    """The board as it was provisioned, in slot 0, never developed on, with nothing said yet."""
    one_rig.board.power_cut()
    for path in one_rig.board.files():
        if path.startswith("/dev_app/"):
            one_rig.board.remove_file(path)
    one_rig.board.erase_partition("otadata")
    one_rig.board.nvs_erase("alink")
    one_rig.board.nvs_erase("alink_ota")
    one_rig.provision(one_rig.board)
    one_rig.board.console.clear()
    one_rig.board.power_on()
    one_rig.says("quiet 1.0.0")
    return one_rig


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(SAYS)
    (tmp_path / "helper.py").write_text('WORD = "one"\n')
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "table.txt").write_bytes(bytes(range(256)) * 20)
    return tmp_path


def test_a_deployed_folder_runs_and_only_what_changed_is_sent(
    rig: SerialRig, folder: Path
) -> None:
    code, said = rig.flash("deploy", folder)
    assert code == 0, said
    assert "6 files in /dev_app, 6 of them sent" in said
    rig.says("deployed dev one")
    (folder / "helper.py").write_text('WORD = "two"\n')
    (folder / "data" / "table.txt").unlink()
    code, said = rig.flash("deploy", folder, "--version", "1.2.3")
    assert code == 0, said
    assert "5 files in /dev_app, 2 of them sent" in said  # helper.mpy and version.py
    rig.says("deployed 1.2.3 two")
    code, said = rig.flash("deploy", folder, "--version", "1.2.3")
    assert "5 files in /dev_app, 0 of them sent (0 bytes)" in said
    rig.board.power_cut()
    below = [path for path in rig.board.files() if path.startswith("/dev_app/")]
    # alink is not there: the slot's image carries the same one, and that is on the path.
    assert below == [
        "/dev_app/app_end.mpy",
        "/dev_app/app_main.mpy",
        "/dev_app/helper.mpy",
        "/dev_app/main.py",
        "/dev_app/version.py",
    ]


def test_an_alink_that_the_slot_carries_is_not_sent_and_another_one_may_not_fit(
    rig: SerialRig, folder: Path
) -> None:
    code, said = rig.flash("deploy", folder)  # needs less of it
    assert code == 0, said
    assert "6 files in /dev_app" in said
    rig.says("deployed dev one")
    rig.board.power_cut()
    full = rig.board.slot_bytes(0)
    rig.board.write_slot(0, rig.image("1.0.0", QUIET))
    rig.board.power_on()
    rig.wait_count("deployed dev one", 2)
    (folder / "main.py").write_text(SAYS + "# setup\n")
    (folder / "data" / "big.bin").write_bytes(bytes(200_000))
    code, said = rig.flash("deploy", folder)
    assert code == 1
    assert "do not fit" in said
    assert "the version in the slot carries another one or less of it" in said
    rig.board.power_cut()
    rig.board.write_slot(0, full)


def test_off_returns_to_the_slots_version_and_status_tells_which_runs(
    rig: SerialRig, folder: Path
) -> None:
    assert rig.flash("deploy", folder)[0] == 0
    rig.says("deployed dev one")
    code, said = rig.flash("status")
    assert "runs           /dev_app (development" in said
    code, said = rig.flash("deploy", "--off")
    assert code == 0, said
    rig.wait_count("quiet 1.0.0", 2)
    code, said = rig.flash("status")
    assert "/dev_app" not in said


def test_a_deployment_that_does_not_fit_or_compile_changes_nothing(
    rig: SerialRig, folder: Path
) -> None:
    (folder / "big.bin").write_bytes(bytes(500_000))
    code, said = rig.flash("deploy", folder)
    assert code == 1
    assert "do not fit on the board's file system" in said
    (folder / "big.bin").unlink()
    (folder / "helper.py").write_text("WORD = \n")
    code, said = rig.flash("deploy", folder)
    assert code == 1
    assert "helper.py does not compile" in said
    rig.wait_count("quiet 1.0.0", 2)


def test_an_accepted_job_ends_development_and_the_trial_runs_what_was_sent(
    rig: SerialRig, tmp_path: Path
) -> None:
    (tmp_path / "main.py").write_text(app())
    code, said = rig.flash("deploy", tmp_path)
    assert code == 0, said
    rig.reports("dev")
    rig.update("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    rig.board.power_cut()
    assert rig.board.nvs_get("alink", "dev") is None
    assert "/dev_app/main.py" in rig.board.files()  # there, but not what runs
    rig.board.power_on()
    rig.wait_count("start 1.1.0", 2)


def test_an_update_that_fails_does_not_end_development(rig: SerialRig, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(app())
    code, said = rig.flash("deploy", tmp_path)
    assert code == 0, said
    rig.reports("dev")
    rig.release("1.1.0")
    rig.push("1.1.0", sign="0" * 32, md5="0" * 32)
    rig.ends("1.1.0", "FAILED")
    rig.board.power_cut()
    assert rig.board.nvs_get("alink", "dev") == 1


def test_an_image_on_trial_never_gives_way_to_dev_app(rig: SerialRig, folder: Path) -> None:
    assert rig.flash("deploy", folder)[0] == 0
    rig.says("deployed dev one")
    rig.board.power_cut()
    rig.board.write_slot(1, rig.image("2.0.0", QUIET))
    _choose(rig, 1)
    rig.board.power_on()
    rig.says("quiet 2.0.0")
    for verb in ("deploy", "selftest"):
        code, said = rig.flash(verb, *([folder] if verb == "deploy" else []))
        assert code == 1
        assert "the version on the board is on trial" in said
    code, said = rig.flash("status")
    assert "trial          the running version is on trial" in said
    assert "ota_1          version 2.0.0, on trial, RUNNING" in said


def test_status_tells_of_the_version_that_fell(rig: SerialRig) -> None:
    rig.board.power_cut()
    rig.board.write_slot(1, rig.image("2.0.0", "raise ValueError('too bad')"))
    _choose(rig, 1)
    rig.board.power_on()
    rig.wait_count("quiet 1.0.0", 2)
    code, said = rig.flash("status")
    assert code == 0, said
    assert "last fall-back version 2.0.0 in ota_1 fell back" in said
    rig.board.power_cut()
    rig.board.nvs_set("alink_ota", "fell", '[-1, "E90 trial-crashed: it fell", "default", 7]')
    rig.board.power_on()
    rig.wait_count("quiet 1.0.0", 3)
    code, said = rig.flash("status")
    assert "E90 trial-crashed: it fell (the platform has not been told yet)" in said


def test_a_board_whose_program_took_all_memory_can_still_be_asked(rig: SerialRig) -> None:
    with Link(rig.port) as link:
        link.clean()
        with pytest.raises(Refused, match="MemoryError"):
            link.run("hold = []\nwhile True: hold.append([hold])", timeout_s=60)
        with pytest.raises(Refused, match="MemoryError"):
            link.interrupt()
        assert look(link)["running"] == "ota_0"
    code, said = rig.flash("selftest", "--offline")
    assert code == 0, said


def test_status_shows_no_secret_to_people_or_programs(rig: SerialRig) -> None:
    for arguments in ((), ("--json",)):
        code, said = rig.flash("status", *arguments)
        assert code == 0, said
        assert DN in said
        assert rig.device.secret not in said
        assert "wifi-password" not in said
    found = json.loads(said)
    assert found["settings"]["device_secret"] == "set"
    assert found["running"] == "ota_0"
    assert found["slots"][0]["version"] == "1.0.0"
    assert found["heap_free"] > 0


def test_a_program_reads_what_became_of_a_board(rig: SerialRig, folder: Path) -> None:
    def told(*words: str | Path) -> list[Any]:
        code, said = rig.flash(str(words[0]), *words[1:], "--json")
        assert code == 0, said
        return [json.loads(line) for line in said.splitlines()]

    (row,) = told("deploy", folder)
    assert row.keys() == keys("flash deploy")
    assert (row["port"], row["runs"]) == (rig.port, True)
    assert row["sent"] > 0
    rig.says("deployed dev one")
    (row,) = told("deploy", "--off")
    assert (row["runs"], row["sent"]) == (False, 0)
    code, said = rig.flash("deploy", folder, "--monitor", "--json")
    assert (code, json.loads(said)["error"]) == (1, "a board's console is no JSON")
    (row,) = told("provision", "--ntp-host", "127.0.0.1")
    assert row.keys() == keys("flash provision")
    assert row["settings"] == {"ntp_host": "127.0.0.1"}
    assert "device_secret" in row["kept"]
    first, *checks, last = told("selftest", "--offline")
    assert first["port"] == rig.port
    assert all(check["ok"] for check in checks)
    assert last["passed"] is True
    assert last["verdict"].startswith("VERDICT: PASS")
    assert first.keys() | checks[0].keys() | last.keys() == keys("flash selftest")
    (row,) = told("provision", "--clear")
    assert row["settings"] == {}


def test_selftest_passes_on_a_healthy_board_and_leaves_no_trace(rig: SerialRig) -> None:
    before = rig.board.slot_bytes(1)
    code, said = rig.flash("selftest")
    assert code == 0, said
    assert "VERDICT: PASS: the board works and signs in" in said
    assert rig.device.secret not in said
    rig.wait_count("quiet 1.0.0", 2)
    rig.board.power_cut()
    assert rig.board.slot_bytes(1) == before
    assert not rig.board.nvs_keys("alink_test")


def test_selftest_explains_a_refused_secret_in_words(rig: SerialRig) -> None:
    rig.board.power_cut()
    rig.board.nvs_set("alink", "device_secret", "f" * 32)
    rig.board.power_on()
    code, said = rig.flash("selftest")
    assert code == 1
    last = said.strip().splitlines()[-1]
    assert last.startswith("VERDICT: FAIL (sign-in): the platform refuses this device.")
    assert "device secret do not belong together" in last
    assert "flash.py provision" in last
    assert "f" * 32 not in said


def test_selftest_is_the_first_contact_of_a_board_with_its_products_secret(
    rig: SerialRig,
) -> None:
    rig.board.power_cut()
    rig.board.nvs_erase("alink", "device_secret")
    rig.board.nvs_set("alink", "device_name", "newcomer")
    rig.board.nvs_set("alink", "product_secret", "PsExample0123456")
    rig.cloud.add_product(PK, "PsExample0123456")
    rig.board.power_on()
    code, said = rig.flash("selftest")
    assert code == 1
    assert f"{PK}/newcomer, not registered yet" in said
    assert "VERDICT: FAIL (sign-in): the platform does not let this board register." in said
    secret = rig.cloud.add_device(PK, "newcomer").secret
    code, said = rig.flash("selftest")
    assert code == 0, said
    assert "registered, signed in and subscribed" in said
    for hidden in ("PsExample0123456", secret):
        assert hidden not in said
    rig.board.power_cut()
    assert rig.board.nvs_get("alink", "device_secret") == secret.encode()
    assert rig.board.nvs_get("alink", "product_secret") is None


def test_selftest_names_what_is_missing_in_the_settings(rig: SerialRig) -> None:
    rig.board.power_cut()
    rig.board.nvs_erase("alink", "host")
    rig.board.power_on()
    code, said = rig.flash("selftest")
    assert code == 1
    assert "VERDICT: FAIL (settings): missing: host. Set them: flash.py provision." in said


def test_a_network_that_is_not_there_is_told_from_a_wrong_server(
    rig: SerialRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tools.flashing import link as device_link

    source = (device_link.SCRIPTS / "selftest.py").read_text()
    scripts = rig.folder / "scripts"
    scripts.mkdir()
    for path in device_link.SCRIPTS.glob("*.py"):
        (scripts / path.name).write_text(path.read_text())
    (scripts / "selftest.py").write_text(source.replace("WIFI_MS = 20000", "WIFI_MS = 200"))
    monkeypatch.setattr(device_link, "SCRIPTS", scripts)
    rig.board.wifi = "absent"
    try:
        code, said = rig.flash("selftest")
    finally:
        rig.board.wifi = "ok"
    assert code == 1
    assert "VERDICT: FAIL (network): the network roof" in said
    rig.board.power_cut()
    rig.board.nvs_set("alink", "port", rig.cloud.mqtt_port)  # a port without TLS
    rig.board.power_on()
    code, said = rig.flash("selftest")
    assert code == 1
    assert "VERDICT: FAIL (sign-in): E" in said
    assert "refuses this device" not in said


def test_a_board_that_dies_in_the_selftest_does_not_pass() -> None:
    passed = [Check("loader", True, ""), Check("slots", True, "")]
    text, code = verdict(passed, offline=False)
    assert code == 1
    assert "the board stopped after slots" in text
    assert verdict([], offline=True)[1] == 1


def test_monitor_shows_the_console_with_the_time(
    rig: SerialRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = monitor._print

    def shown(text: str) -> None:
        show(text)
        if text == "quiet 1.0.0":
            raise KeyboardInterrupt  # a person has seen it

    monkeypatch.setattr(monitor, "_print", shown)
    code, said = rig.flash("monitor", "--restart")
    assert code == 0
    lines = [line for line in said.splitlines() if line.endswith("quiet 1.0.0")]
    assert lines, said
    hour, minute, rest = lines[0].split()[0].split(":")
    assert (len(hour), len(minute), len(rest)) == (2, 2, 6)
    code, _ = rig.flash("monitor", "--seconds", "0.1")
    assert code == 0


def _choose(rig: SerialRig, slot: int) -> None:
    """Make a slot boot next, on trial, as an update does."""
    from tools.chip import otadata

    at = rig.board.partition("otadata").address
    index, seq = otadata.next_seq(rig.board.otadata(), slot, 2)
    entry = otadata.renewed(otadata.SelectEntry(), seq, otadata.NEW)
    rig.board.flash.fill(at + index * 4096, otadata.encode(entry))
    assert rig.boots_slot() == slot
