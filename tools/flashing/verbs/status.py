"""`flash.py status`: how a board is, for people and (--json) for programs."""

from __future__ import annotations

import argparse
import json
from typing import Any

from tools.cli import worded
from tools.flashing.link import Link
from tools.flashing.refusals import BoardFailed
from tools.flashing.settings import REQUIRED

NAME = "status"
HELP = "what runs on the board, what is in its slots, what it is missing"
EXAMPLES = """\
flash.py status
flash.py status --port /dev/ttyUSB0 --json
The program on the board is interrupted for a moment and started again."""

_HIDDEN = ("device_secret", "product_secret", "device_token", "wifi_pass")
_OPTIONAL = (
    *("product_secret", "regnwl", "device_token", "port", "secure", "allow_http", "ca"),
    *("wifi_ssid", "wifi_pass", "ntp_host", "sign_key"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--port", help="serial port of the board (default: the only one)")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(options: argparse.Namespace) -> int:
    """0 when the board could be asked, whatever it said."""
    with Link(options.port) as link:
        found = look(link)
    print(json.dumps(found, indent=2) if options.json else worded(as_text(found)))
    return 0


def look(link: Link) -> dict[str, Any]:
    """Interrupt the board and ask it; see on_board/status.py for what comes back."""
    found: dict[str, Any]
    try:
        link.interrupt()
        found = link.ask("status")
    except BoardFailed:  # the program left no memory to ask in
        found = {"loader": None}
    if found["loader"] is None:  # or boot.py itself was interrupted, or is not there
        link.clean()
        found = link.ask("status")
    found["firmware"] = ".".join(map(str, link.version))
    found["machine"] = link.machine or link.platform
    return found


def as_text(found: dict[str, Any]) -> str:
    """The report as a person reads it."""
    lines = [
        f"MicroPython    {found['firmware']} on {found['machine']}",
        f"loader         {_loader(found)}",
    ]
    if found.get("dev_running"):
        lines.append("runs           /dev_app (development; flash.py deploy --off ends it)")
    for slot in found.get("slots", []):
        lines.append(f"{slot['label']:14} {_slot(slot, found)}")
    if not found.get("slots"):
        lines.append("slots          none: flash a partition table with two (flash.py flash)")
    elif len(found["slots"]) < 2:
        lines.append("               one slot is not enough: flash a table with two")
    lines.append(f"trial          {_trial(found)}")
    lines.append(f"last fall-back {_fall_back(found)}")
    lines.append(f"memory         {_memory(found)}")
    if found.get("vfs_free") is not None:
        lines.append(
            f"file system    {found['vfs_free'] // 1024} of {found['vfs_size'] // 1024} KiB free"
        )
    lines += _settings(found.get("settings", {}))
    return "\n".join(lines)


def _loader(found: dict[str, Any]) -> str:
    if found["loader"] is None:
        return "MISSING: alink's boot.py did not run; flash.py flash brings it"
    problem = found.get("mount_error")
    return f"LOADER {found['loader']}" + (
        f"; no application mounted: {problem}" if problem else ""
    )


def _slot(slot: dict[str, Any], found: dict[str, Any]) -> str:
    words = [f"version {slot['version']}" if slot["version"] else slot["content"]]
    words.append(slot["state"] or "never chosen")
    if slot["label"] == found.get("running"):
        words.append("RUNNING")
    return ", ".join(words) + f" ({slot['size'] // 1024} KiB)"


def _trial(found: dict[str, Any]) -> str:
    if found.get("trial"):
        return "the running version is on trial: not confirmed yet"
    if found.get("record"):
        return f"version {found['record']} waits to be tried again"
    return "none"


def _fall_back(found: dict[str, Any]) -> str:
    if found.get("fell"):
        return f"{found['fell'][1]} (the platform has not been told yet)"
    for slot in found.get("slots", []):
        if slot["state"] == "fell back":
            return f"version {slot['version'] or '?'} in {slot['label']} fell back"
    return "none known"


def _memory(found: dict[str, Any]) -> str:
    text = f"{found['heap_free'] // 1024} KiB of heap free"
    if found.get("idf_free"):
        text += f"; for TLS and Wi-Fi {found['idf_free'] // 1024} KiB"
        text += f", largest block {found['idf_block'] // 1024} KiB"
    return text


def _settings(values: dict[str, Any]) -> list[str]:
    lines = []
    for key in (*REQUIRED, *_OPTIONAL):
        value = values.get(key)
        if value is None and key in REQUIRED:
            lines.append(f"  {key:14} {_missing(key, values)}")
        elif value is not None:
            lines.append(f"  {key:14} {_shown(key, value)}")
    return ["settings", *lines]


def _missing(key: str, values: dict[str, Any]) -> str:
    if key == "device_secret" and values.get("device_token"):
        return "none needed: registered, signs in with its device token"
    if key == "device_secret" and values.get("product_secret"):
        return "not registered yet: it asks for its own on first contact"
    return "MISSING: flash.py provision"


def _shown(key: str, value: Any) -> str:
    if key in _HIDDEN:
        return "set (not shown)"
    if key == "ca":
        return f"{value} bytes"
    if key == "sign_key":
        from tools import signing

        return f"public key {signing.grouped(value)}: only signed packages"
    return str(value)
