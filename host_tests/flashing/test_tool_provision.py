"""provision: identity and network into NVS, checked as alink checks them, secrets never shown."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from pathlib import Path

import pytest

from host_tests.kit.device_process import run_device
from host_tests.kit.rig import DN, PK
from host_tests.kit.serial_rig import SerialRig, flash
from tools import signing
from tools.flashing.settings import SETTINGS, SettingError, check_together, parse, read_settings
from tools.flashing.verbs import provision as device_provision

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def rig(one_rig: SerialRig) -> SerialRig:
    one_rig.board.power_cut()
    one_rig.board.nvs_erase("alink")
    one_rig.board.console.clear()
    one_rig.board.power_on()
    one_rig.says("quiet 1.0.0")
    return one_rig


def _in_nvs(rig: SerialRig) -> dict[str, int | bytes | None]:
    rig.board.power_cut()
    return {key: rig.board.nvs_get("alink", key) for _, key in rig.board.nvs_keys("alink")}


def test_a_file_of_settings_reaches_the_board_whole_and_no_secret_is_shown(rig: SerialRig) -> None:
    code, said = rig.flash("provision", "--file", rig.settings_file())
    assert code == 0, said
    assert "provisioned, read back and equal" in said
    for secret in (rig.device.secret, "wifi-password"):
        assert secret not in said
        assert secret not in rig.board.console_text()
    rig.wait_count("quiet 1.0.0", 2)  # the program runs again
    assert _in_nvs(rig) == {
        "product_key": PK.encode(),
        "device_name": DN.encode(),
        "device_secret": rig.device.secret.encode(),
        "host": b"127.0.0.1",
        "port": rig.cloud.mqtts_port,
        "ca": rig.cloud.ca_der,
        "wifi_ssid": b"roof",
        "wifi_pass": b"wifi-password",
    }


def test_what_is_not_given_is_kept_and_clear_forgets_everything(rig: SerialRig) -> None:
    assert rig.flash("provision", "--file", rig.settings_file())[0] == 0
    code, said = rig.flash("provision", "--host", "iot-abc.mqtt.iothub.aliyuncs.com")
    assert code == 0, said
    assert "kept as they were: product_key, device_name, device_secret, port" in said
    rig.board.power_cut()
    rig.board.nvs_set("alink_ota", "link", b"https://h/f?auth_key=1")
    rig.board.power_on()
    rig.wait_count("quiet 1.0.0", 2)
    code, said = rig.flash("provision", "--clear")
    assert code == 0, said
    assert _in_nvs(rig) == {}
    assert ("alink_ota", "link") not in rig.board.nvs_keys("alink_ota")


def test_an_open_network_has_no_password(rig: SerialRig) -> None:
    code, said = rig.flash("provision", "--file", rig.settings_file(wifi_pass=""))
    assert code == 0, said
    assert "wifi_pass" not in _in_nvs(rig)


def test_what_is_missing_is_asked_for_and_secrets_without_an_echo(
    rig: SerialRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def visible(prompt: str = "") -> str:
        asked.append(prompt)
        return {"product key": PK, "device name": DN}.get(prompt[:11], "roof")

    def hidden(prompt: str = "") -> str:
        asked.append("hidden " + prompt)
        return SECRET

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", visible)
    monkeypatch.setattr(getpass, "getpass", hidden)
    code, said = rig.flash("provision", "--host", "127.0.0.1")
    assert code == 0, said
    assert SECRET not in said
    hidden_ones = [prompt for prompt in asked if prompt.startswith("hidden")]
    assert hidden_ones == [
        "hidden device secret (not shown): ",
        "hidden password of the Wi-Fi (not shown): ",
    ]
    assert _in_nvs(rig)["device_secret"] == SECRET.encode()


def test_without_a_terminal_what_is_missing_is_named(rig: SerialRig) -> None:
    code, said = rig.flash("provision", "--product-key", PK, "--device-name", DN)
    assert code == 1
    assert "missing: host, device_secret. Give them in a file" in said


def test_another_identity_never_keeps_the_old_ones_secret(rig: SerialRig) -> None:
    assert rig.flash("provision", "--file", rig.settings_file())[0] == 0
    code, said = rig.flash("provision", "--device-name", "greenhouse_08")
    assert code == 1
    assert "missing: device_secret" in said


def test_no_option_takes_a_secret() -> None:
    parser = argparse.ArgumentParser()
    device_provision.add_arguments(parser)
    for key, setting in SETTINGS.items():
        if setting.secret:
            with pytest.raises(SystemExit):
                parser.parse_args([f"--{key.replace('_', '-')}", "x"])


BAD = {
    "product_key": ["", " a1", "a1\n2", "a/1", "x" * 63],
    "device_name": ["", "a ", "a|b", "a b", "a#"],
    "device_secret": ["", " x", "x\ty"],
    "product_secret": ["", " x", "x\ty"],
    "regnwl": ["yes", ""],
    "sign_key": ["nowhere.pem"],
    "host": ["", "mqtt://h", "h:1883", "h/x", " h"],
    "port": ["", "0", "65536", "x", "-1"],
    "secure": ["yes", ""],
    "wifi_ssid": ["", "x" * 33],
    "wifi_pass": ["short", "x" * 64],
    "ntp_host": ["http://x", ""],
    "ca": ["nowhere.pem"],
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, values in BAD.items() for v in values])
def test_a_setting_that_cannot_work_is_refused_without_showing_it(key: str, value: str) -> None:
    with pytest.raises(SettingError) as caught:
        parse(key, value)
    assert caught.value.cause.startswith(key)
    assert not SETTINGS[key].secret or not value.strip() or value.strip() not in str(caught.value)


def test_the_file_names_the_line_that_is_wrong() -> None:
    with pytest.raises(SettingError, match=r"s\.env line 2: unknown setting"):
        read_settings("host = h\nhots = h\n", "s.env", Path())
    with pytest.raises(SettingError, match="line 3: host is there twice"):
        read_settings("# a comment\nhost = h\nhost = i\n", "s.env", Path())


def test_a_bad_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")
    with pytest.raises(SettingError, match="is not a certificate"):
        parse("ca", "a.pem", tmp_path)


_ASK_ALINK = """
import json
from alink import Device
out = []
for pk, dn, secret, host, port in {cases!r}:
    try:
        Device(pk, dn, secret, host, port)
        out.append(True)
    except ValueError:
        out.append(False)
print(json.dumps(out))
"""


def test_whatever_provision_takes_alink_takes_too() -> None:
    good = {"product_key": PK, "device_name": DN, "device_secret": SECRET, "host": "h.example"}
    keys = list(good)
    cases, ours = [], []
    for key in keys:
        for value in [*BAD[key], "a", "x" * 62, "x.y-z_@1", "iot-1.mqtt.iothub.aliyuncs.com"]:
            texts = {**good, key: value}
            cases.append((*texts.values(), 8883))
            try:
                values = {k: parse(k, v) for k, v in texts.items()}
                check_together(values)
                ours.append(True)
            except SettingError:
                ours.append(False)
    theirs = json.loads(run_device(_ASK_ALINK.format(cases=cases)).splitlines()[-1])
    assert True in ours
    for case, we, they in zip(cases, ours, theirs, strict=True):
        assert they or not we, case  # stricter is allowed, laxer is not


def test_an_unreadable_file_is_named() -> None:
    code, said = flash("provision", "--port", "/dev/null", "--file", "/nowhere/x.env")
    assert code == 1
    assert "/nowhere/x.env" in said


def test_a_board_that_registers_itself_carries_no_other_identity(
    rig: SerialRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It had an identity before, of either kind.
    rig.board.power_cut()
    for key in ("device_secret", "device_token", "client_id"):
        rig.board.nvs_set("alink", key, "old")
    rig.board.power_on()
    rig.wait_count("quiet 1.0.0", 2)
    asked: list[str] = []

    def hidden(prompt: str = "") -> str:
        asked.append(prompt)
        return "PsExample0123456"

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(getpass, "getpass", hidden)
    monkeypatch.setattr("builtins.input", lambda prompt="": "roof")
    code, said = rig.flash(
        *("provision", "--product-key", PK, "--device-name", DN, "--host", "127.0.0.1"),
        *("--register", "any"),
    )
    assert code == 0, said
    assert asked[0] == "product secret (not shown): "
    assert "PsExample0123456" not in said
    code, said = rig.flash("status")
    assert "device_secret  not registered yet: it asks for its own on first contact" in said
    assert "PsExample0123456" not in said
    held = _in_nvs(rig)
    assert held["product_secret"] == b"PsExample0123456"
    assert held["regnwl"] == 1
    assert not held.keys() & {"device_secret", "device_token", "client_id"}
    # And back: with a secret of its own it has no use for the product's.
    rig.board.power_on()
    assert rig.flash("provision", "--file", rig.settings_file())[0] == 0
    assert not _in_nvs(rig).keys() & {"product_secret", "regnwl"}


def test_one_file_cannot_give_two_identities() -> None:
    values = {"device_secret": SECRET, "product_secret": "PsExample0123456"}
    with pytest.raises(SettingError, match="exclude each other"):
        check_together(dict(values))


def test_a_sign_key_is_checked_shown_by_its_fingerprint_and_cleared(
    rig: SerialRig, tmp_path: Path
) -> None:
    assert rig.flash("provision", "--file", rig.settings_file())[0] == 0
    private = tmp_path / "owner.pem"
    public = signing.new_key(private)
    fingerprint = signing.fingerprint(signing.load_public(public))
    code, said = rig.flash("provision", "--sign-key", private)
    assert code == 1
    assert "holds a private key" in said
    code, said = rig.flash("provision", "--sign-key", public)
    assert code == 0, said
    assert f"public key {fingerprint}" in said
    code, said = rig.flash("status")
    assert f"sign_key       public key {fingerprint}: only signed packages" in said
    assert _in_nvs(rig)["sign_key"] == signing.load_public(public)
    rig.board.power_on()
    assert rig.flash("provision", "--clear")[0] == 0
    assert _in_nvs(rig) == {}
