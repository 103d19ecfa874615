"""Settings that are missing: asked for where somebody can be asked, named where nobody can."""

from __future__ import annotations

import contextlib
import getpass
import sys
from collections.abc import Collection

from tools.cli import Refused
from tools.flashing import settings


def complete(given: dict[str, settings.Value], present: Collection[str]) -> None:
    """Ask for what is missing; Refused where nobody can be asked.

    given: what is set, and gets the answers; present: the keys of what the board has already.
    """
    secret = "product_secret" if "regnwl" in given else "device_secret"
    needed = [key for key in settings.REQUIRED if key not in given and key not in present]
    if "device_secret" in needed and (
        secret != "device_secret"
        or {"product_secret", "device_token"} & (given.keys() | set(present))
    ):
        needed.remove("device_secret")
    # Another device has another secret, another network another password.
    if {"product_key", "device_name", "regnwl"} & given.keys() and not {
        "device_secret",
        "product_secret",
    } & given.keys():
        needed = [key for key in needed if key != secret] + [secret]
    if "wifi_ssid" in given and "wifi_pass" not in given:
        needed.append("wifi_pass")
    if not needed and not given:
        needed = [*settings.REQUIRED, "wifi_ssid", "wifi_pass"]
    elif "wifi_ssid" not in given and "wifi_ssid" not in present and sys.stdin.isatty():
        needed += ["wifi_ssid", "wifi_pass"]
    if needed and not sys.stdin.isatty():
        raise Refused(
            f"missing: {', '.join(needed)}",
            "Give them in a file (provision --file, flash --provision), or run this in a "
            "terminal to be asked for them.",
        )
    for key in needed:
        given[key] = _ask(settings.SETTINGS[key])


def _ask(setting: settings.Setting) -> settings.Value:
    while True:
        try:
            if setting.secret:
                text = getpass.getpass(f"{setting.what} (not shown): ")
            else:
                # On stderr as that of getpass: stdout is for what programs read.
                with contextlib.redirect_stdout(sys.stderr):
                    text = input(f"{setting.what}: ").strip()
            return settings.parse(setting.key, text)
        except settings.SettingError as exc:
            print(f"  {exc}", file=sys.stderr)
        except EOFError:
            raise Refused("stopped at the prompt", "Nothing was changed.") from None
