"""`flash.py selftest`: the on-board tests and a sign-in, with a verdict to send to support."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass

from tools.cli import Refused, as_json, json_option, worded
from tools.flashing.link import Link

NAME = "selftest"
HELP = "test the board and sign in to the platform; the verdict says what is wrong"
EXAMPLES = """\
flash.py selftest
flash.py selftest --offline    the board alone: no Wi-Fi, no platform
Exit code 0: PASS. 1: FAIL, with the next step in the last line."""

_QUIET_S = 90  # s without a line: longer than any single check may take

_REFUSED = (
    "the platform refuses this device. Product key, device name and device secret do not belong "
    "together, or the device is disabled, or the host is another instance's. Copy the three from "
    "the device's page in the console and run flash.py provision again."
)
_NOT_REGISTERED = (
    "the platform does not let this board register. Product key, device name and product secret "
    "do not belong together, dynamic registration is switched off for the product, the device "
    "name is not listed, or the device is in use already (then its secret is in the console)."
)
# Check -> what to do when it failed.
_ADVICE = {
    "loader": "If boot.py is missing: flash.py flash. On trial: wait for it to be confirmed.",
    "slots": "Flash a partition table with two slots: flash.py flash, boards/ has them.",
    "flash": "Try another power supply and cable; if it stays so, the flash chip is worn out.",
    "nvs": "The settings memory is full or damaged: flash.py flash --erase-settings, provision.",
    "memory": "Free memory at start-up, or use a board with PSRAM.",
    "modules": "Use a stock firmware, 1.25 or newer; alink comes with an image, deploy or mip.",
    "digests": "This firmware calculates wrongly: flash a stock one.",
    "settings": "Set them: flash.py provision.",
    "network": "Check name and password (flash.py provision --wifi-ssid NAME) and the distance.",
    "clock": "Let the network pass NTP (UDP 123), or name a server: provision --ntp-host.",
    "address": "Check the host (flash.py provision --host) and the network's DNS.",
    "sign-in": "Check host, port and CA (flash.py status shows them), then the network. After "
    "many restarts wait a minute: the platform takes five sign-ins a minute.",
}
_LAST = {True: "settings", False: "sign-in"}  # the check that a whole run ends with; by --offline


ON_TRIAL = Refused(
    "the version on the board is on trial: testing it now would disturb that",
    "Wait until it is confirmed or falls back (flash.py monitor shows it).",
)


@dataclass(frozen=True)
class Check:
    """One on-board test: its name, whether it passed, what it saw."""

    name: str
    ok: bool
    detail: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--port", help="serial port of the board (default: the only one)")
    parser.add_argument("--offline", action="store_true", help="leave out Wi-Fi and platform")
    json_option(parser)


def run(options: argparse.Namespace) -> int:
    """0: PASS, 1: FAIL."""
    checks: list[Check] = []

    def show(line: str) -> None:
        found = _parse(line)
        if found is not None:
            checks.append(found)
            if options.json:
                row = {"check": found.name, "ok": found.ok, "detail": found.detail}
                print(as_json(row), flush=True)
                return
            print(f"{'ok  ' if found.ok else 'FAIL'}  {found.name:10} {found.detail}", flush=True)

    with Link(options.port) as link:
        link.clean(ON_TRIAL)
        shown = ".".join(map(str, link.version))
        if options.json:
            print(
                as_json({"port": link.name, "firmware": shown, "machine": link.machine}),
                flush=True,
            )
        else:
            print(f"MicroPython {shown} on {link.machine or link.platform}, {link.name}")
        link.script("selftest", OFFLINE=options.offline, timeout_s=_QUIET_S, on_line=show)
    text, code = verdict(checks, options.offline)
    text = worded(text)
    print(as_json({"passed": code == 0, "verdict": text}) if options.json else text)
    return code


def verdict(checks: list[Check], offline: bool) -> tuple[str, int]:
    """(the last line, the exit code) of what the board reported."""
    for check in checks:
        if not check.ok:
            why = f"{check.detail}. {_ADVICE[check.name]}"
            if is_refusal(check):
                why = _REFUSED
            elif check.name == "sign-in" and check.detail.startswith("E9 "):
                why = _NOT_REGISTERED
            return f"VERDICT: FAIL ({check.name}): {why}", 1
    if not checks or checks[-1].name != _LAST[offline]:
        last = checks[-1].name if checks else "the start"
        return (
            f"VERDICT: FAIL: the board stopped after {last}. Run it again with flash.py monitor "
            "in mind: its console says why.",
            1,
        )
    what = "the board works" if offline else "the board works and signs in"
    return f"VERDICT: PASS: {what} ({len(checks)} checks).", 0


def is_refusal(check: Check) -> bool:
    """Whether the platform answered, and said no (alink's error 4)."""
    return check.name == "sign-in" and check.detail.startswith("E4 ")


def _parse(line: str) -> Check | None:
    if not line.startswith("{"):
        return None
    try:
        raw = json.loads(line)
        return Check(str(raw["check"]), bool(raw["ok"]), str(raw["detail"]))
    except (ValueError, KeyError):
        return None
