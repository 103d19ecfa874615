"""`flash.py provision`: the board's identity, its server and its Wi-Fi, into its settings (NVS).

Secrets come from a file, standard input or a prompt that does not echo, never from the command
line, which every user of the computer can read. They travel inside the serial link alone.
"""

from __future__ import annotations

import argparse
import hashlib

from tools.cli import Refused, as_json, json_option, worded
from tools.flashing import settings
from tools.flashing.asking import complete
from tools.flashing.link import Link

NAME = "provision"
HELP = "give the board its identity, server and Wi-Fi (they survive every update)"
EXAMPLES = """\
flash.py provision                            asks for what is needed
flash.py provision --port /dev/ttyUSB0 --product-key a1B2c3D4e5F --device-name greenhouse_07 \\
                   --host iot-xxxxxxxx.mqtt.iothub.aliyuncs.com --wifi-ssid roof
flash.py provision --file greenhouse_07.env   lines such as: device_secret = ...
flash.py provision --register listed          the board gets its device secret on first contact
flash.py provision --sign-key owner.pub.pem   from now on only packages that you have signed
flash.py provision --clear                    forget everything, before you give the board away
Secrets (device_secret, product_secret, wifi_pass) are taken from --file, or asked for; never
from an option."""

_OPTIONS = ("product_key", "device_name", "host", "ca", "wifi_ssid", "ntp_host", "sign_key")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--port", help="serial port of the board (default: the only one)")
    for key in _OPTIONS:
        parser.add_argument(f"--{key.replace('_', '-')}", help=settings.SETTINGS[key].what)
    parser.add_argument("--mqtt-port", help=settings.SETTINGS["port"].what)
    parser.add_argument(
        "--no-tls", action="store_true", help="MQTT and downloads without TLS: a test server only"
    )
    parser.add_argument(
        "--register",
        choices=("listed", "any"),
        help="a product secret instead of a device secret: the board registers itself on first "
        "contact; its device name is listed on the platform, or may be any",
    )
    parser.add_argument("--file", help="settings as lines of key = value; - is standard input")
    parser.add_argument(
        "--clear",
        action="store_true",
        help="erase these settings, set nothing; who reads the raw flash may find them "
        "for a while yet: `flash --erase-settings` leaves nothing",
    )
    json_option(parser)


def run(options: argparse.Namespace) -> int:
    """0 when the board has what was given."""
    if options.clear:
        _check_alone(options)
        return _clear(options)
    given = _given(options)
    settings.check_together(given)
    with Link(options.port) as link:
        link.clean()
        known = [*settings.SETTINGS, *settings.REGISTERED]
        present = {key for key, found in digests(link, known).items() if found}
        complete(given, present)
        settings.check_together(given)
        present -= set(settings.voided(given))
        store(link, {**dict.fromkeys(settings.voided(given), ""), **given})
        shown = {key: settings.shown(key, value) for key, value in given.items()}
        kept = [key for key in settings.SETTINGS if key in present and key not in given]
    if options.json:
        print(as_json({"port": link.name, "settings": shown, "kept": kept}))
        return 0
    for key, text in shown.items():
        print(f"  {key:14} {text}")
    if kept:
        print(f"  kept as they were: {', '.join(kept)}")
    print(worded("provisioned, read back and equal. Next: flash.py status, flash.py selftest."))
    return 0


def digests(link: Link, keys: list[str], *, erase: bool = False) -> dict[str, str | None]:
    """SHA-256 of each setting's bytes on the board, None where there is none."""
    found: dict[str, str | None] = link.ask("settings", KEYS=keys, ERASE=erase)
    return found


def store(link: Link, values: dict[str, settings.Value]) -> None:
    """Write settings, and make sure that the board reads the same ones."""
    link.run(f"import esp32\nn=esp32.NVS({settings.NAMESPACE!r})")
    for key, value in values.items():
        if value == "":  # an open network: NVS has no use for an empty value
            link.run("try:\n n.erase_key(k)\nexcept OSError:\n pass", k=key)
        elif isinstance(value, int):
            link.run("n.set_i32(k,v)", k=key, v=value)
        else:
            link.run("n.set_blob(k,v)", k=key, v=settings.as_bytes(value))
    link.run("n.commit()\nv=None")
    found = digests(link, list(values))
    for key, value in values.items():
        wanted = None if value == "" else hashlib.sha256(settings.as_bytes(value)).hexdigest()
        if found.get(key) != wanted:
            raise Refused(
                f"the board's NVS does not hold {key} as it was written",
                "Its settings memory is full or damaged: flash.py flash --erase-settings.",
            )


def _given(options: argparse.Namespace) -> dict[str, settings.Value]:
    values = settings.from_file(options.file) if options.file else {}
    for key in _OPTIONS:
        text = getattr(options, key)
        if text is not None:
            values[key] = settings.parse(key, text)
    if options.mqtt_port is not None:
        values["port"] = settings.parse("port", options.mqtt_port)
    if options.register is not None:
        values["regnwl"] = int(options.register == "any")
    if options.no_tls:
        values["secure"], values["allow_http"] = 0, 1
    return values


def _check_alone(options: argparse.Namespace) -> None:
    """Refuse what --clear would silently leave out."""
    others = (*_OPTIONS, "mqtt_port", "no_tls", "register", "file")
    given = [name for name in others if getattr(options, name) not in (None, False)]
    if given:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise Refused(
            f"--clear erases every setting, and {named} would set one",
            "Leave one of them out; to begin anew, clear first and provision then.",
        )


def _clear(options: argparse.Namespace) -> int:
    with Link(options.port) as link:
        link.clean()
        left = digests(link, [*settings.SETTINGS, *settings.REGISTERED, "dev"], erase=True)
        still = [key for key, found in left.items() if found]
        if still:
            raise Refused(
                f"the board still holds {', '.join(still)}",
                "Its settings memory is damaged: flash.py flash --erase-settings.",
            )
    if options.json:
        print(as_json({"port": link.name, "settings": {}, "kept": []}))
        return 0
    print("cleared: the board has no identity, server or Wi-Fi any more.")
    return 0
