"""A board's settings: what they are called in NVS (namespace "alink"), and what alink takes."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.cli import Refused
from tools.places import read_stdin, read_text

NAMESPACE = "alink"
Value = str | int | bytes

_CLIENT_ID_MAX = 64  # product key, dot, device name
_BLOB_MAX = 2048  # what alink reads from NVS
_SSID_MAX = 32
_WIFI_PASS = (8, 63)
_UNFIT = re.compile(r"[\s/+#|&,]")  # would break a topic, a clientId or a user name


class SettingError(Refused):
    """A setting that alink would refuse. The value itself is never shown."""


@dataclass(frozen=True)
class Setting:
    """One setting: its NVS key, whether it is a secret, and how text becomes its value."""

    key: str
    what: str
    parse: Callable[[str, Path], Value]
    secret: bool = False


def _bad(key: str, why: str, advice: str) -> SettingError:
    return SettingError(f"{key} {why}", advice)


def _text(key: str, value: str) -> str:
    if not value:
        raise _bad(key, "is empty", "Copy it from the platform's console.")
    if value.strip() != value:
        raise _bad(key, "starts or ends with a blank", "Copy it again, without the blank.")
    if not value.isprintable():
        raise _bad(key, "holds a control character", "Copy it again, as one line of text.")
    return value


def _name(key: str) -> Callable[[str, Path], str]:
    def parse(value: str, _: Path) -> str:
        _text(key, value)
        if _UNFIT.search(value) or len(value) > _CLIENT_ID_MAX - 2:
            raise _bad(
                key,
                "is not one the platform gives: it holds a blank or one of / + # | & , or is "
                f"longer than {_CLIENT_ID_MAX - 2} characters",
                "Copy it from the device's page in the platform's console.",
            )
        return value

    return parse


def _host(value: str, _: Path) -> str:
    _text("host", value)
    if "/" in value or ":" in value or re.search(r"\s", value):
        raise _bad(
            "host",
            "must be a bare name or address, without scheme, port or path",
            "Give it as in iot-xxxxxxxx.mqtt.iothub.aliyuncs.com; the port has its own option.",
        )
    return value


def _secret(key: str) -> Callable[[str, Path], str]:
    return lambda value, _: _text(key, value)


def _ntp(value: str, _: Path) -> str:
    _text("ntp_host", value)
    if "/" in value or ":" in value or re.search(r"\s", value):
        raise _bad("ntp_host", "must be a bare name or address", "As in ntp.aliyun.com.")
    return value


def _port(value: str, _: Path) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65535:
        raise _bad(
            "port", "must be a number from 1 to 65535", "Usual is 8883, or 1883 without TLS."
        )
    return int(value)


def _flag(key: str) -> Callable[[str, Path], int]:
    def parse(value: str, _: Path) -> int:
        if value not in ("0", "1"):
            raise _bad(key, "must be 0 or 1", "1 is yes, 0 is no.")
        return int(value)

    return parse


def _ssid(value: str, _: Path) -> str:
    if not value or len(value.encode()) > _SSID_MAX:
        raise _bad("wifi_ssid", f"must have 1 to {_SSID_MAX} bytes", "Copy the network's name.")
    return value


def _wifi_pass(value: str, _: Path) -> str:
    low, high = _WIFI_PASS
    is_key = len(value) == 64 and all(c in "0123456789abcdefABCDEF" for c in value)
    if value and not is_key and not low <= len(value.encode()) <= high:
        raise _bad(
            "wifi_pass",
            f"must have {low} to {high} characters",
            "Leave it empty for an open network.",
        )
    return value


def _ca(value: str, beside: Path) -> bytes:
    path = beside / Path(value).expanduser()
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise _bad(
            "ca", f"cannot be read: {path}: {exc.strerror}", "Name a PEM or DER file."
        ) from None
    if b"-----BEGIN" in data:
        if data.count(b"-----BEGIN CERTIFICATE-----") != 1:
            raise _bad("ca", "must be exactly one certificate", "Give the root's alone.")
        start, end = data.index(b"-----BEGIN CERTIFICATE"), data.find(b"-----END CERTIFICATE-----")
        try:
            text = data[start : end + 25].decode("ascii")
            data = ssl.PEM_cert_to_DER_cert(text)
        except ValueError:
            raise _bad("ca", f"is not a certificate: {path}", "Export it again as PEM.") from None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=data)
    except (ssl.SSLError, ValueError):
        raise _bad("ca", f"is not a certificate: {path}", "Give a PEM or DER file.") from None
    if len(data) > _BLOB_MAX:
        raise _bad(
            "ca", f"has {len(data)} bytes, a board takes {_BLOB_MAX}", "Use the root's alone."
        )
    return data


def _sign_key(value: str, beside: Path) -> bytes:
    from tools import signing  # slow to load

    path = beside / Path(value).expanduser()
    try:
        return signing.load_public(path)
    except Refused as exc:
        raise _bad("sign_key", f"is unfit: {exc.cause}", exc.advice) from None
    except OSError as exc:
        raise _bad(
            "sign_key", f"cannot be read: {path}: {exc.strerror}", "Name a PEM or DER file."
        ) from None


SETTINGS: dict[str, Setting] = {
    setting.key: setting
    for setting in (
        Setting("product_key", "product key", _name("product_key")),
        Setting("device_name", "device name", _name("device_name")),
        Setting("device_secret", "device secret", _secret("device_secret"), secret=True),
        Setting("product_secret", "product secret", _secret("product_secret"), secret=True),
        Setting(
            "regnwl", "any device name may register: 1, or 0 for listed ones", _flag("regnwl")
        ),
        Setting("host", "MQTT host of your instance", _host),
        Setting("port", "MQTT port (usual: 8883 with TLS, 1883 without)", _port),
        Setting("secure", "TLS for MQTT: 1, or 0 for a test server", _flag("secure")),
        Setting("allow_http", "downloads without TLS: 1 for a test server", _flag("allow_http")),
        Setting("ca", "file with a CA certificate of your own, PEM or DER", _ca),
        Setting("wifi_ssid", "name of the Wi-Fi", _ssid),
        Setting("wifi_pass", "password of the Wi-Fi", _wifi_pass, secret=True),
        Setting("ntp_host", "time server", _ntp),
        Setting("sign_key", "file with your public key: only signed packages", _sign_key),
    )
}
REQUIRED = ("product_key", "device_name", "device_secret", "host")
# What a board signs in with that registered without being listed: never provisioned.
REGISTERED = ("device_token", "client_id")
# Which settings another secret makes void.
_VOIDS = {
    "device_secret": ("product_secret", "regnwl", *REGISTERED),
    "product_secret": ("device_secret", *REGISTERED),
}


def voided(values: dict[str, Value]) -> list[str]:
    """The settings that must go when these come: a board has one identity."""
    return [key for mine, theirs in _VOIDS.items() if mine in values for key in theirs]


def parse(key: str, text: str, beside: Path = Path()) -> Value:
    """The value of a setting from its text; a path is taken from the folder `beside`."""
    return SETTINGS[key].parse(text, beside)


def check_together(values: dict[str, Value]) -> None:
    """What single settings cannot tell. Raises SettingError."""
    if "device_secret" in values and "product_secret" in values:
        raise SettingError(
            "device_secret and product_secret exclude each other",
            "Give the first one, or the second one for a board that registers itself.",
        )
    key, name = str(values.get("product_key", "")), str(values.get("device_name", ""))
    if len(key) + 1 + len(name) > _CLIENT_ID_MAX:
        raise SettingError(
            f"product_key and device_name together have more than {_CLIENT_ID_MAX - 1} characters",
            "Copy both from the platform's console.",
        )


def read_settings(source: str, name: str, beside: Path) -> dict[str, Value]:
    """Settings from lines of `key = value`; `#` begins a comment line. Raises SettingError."""
    values: dict[str, Value] = {}
    for number, line in enumerate(source.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        key, equals, text = (part.strip() for part in line.partition("="))
        if not equals or key not in SETTINGS:
            raise SettingError(
                f"{name} line {number}: {'no key = value' if not equals else 'unknown setting'}",
                f"Known are {', '.join(SETTINGS)}.",
            )
        if key in values:
            raise SettingError(f"{name} line {number}: {key} is there twice", "Keep one of them.")
        values[key] = parse(key, text, beside)
    return values


def check_there(path: Path) -> None:
    """Raise Refused where `path` is no file of settings; a pipe that a shell made is one."""
    lines = "lines of key = value, such as device_secret = ..., or - for standard input."
    if path.is_dir():
        raise Refused(f"{path} is a folder, not a file of settings", f"Name a file with {lines}")
    if not path.exists():
        raise Refused(
            f"{path}: No such file or directory", f"Correct the path, or make a file with {lines}"
        )


def from_file(name: str) -> dict[str, Value]:
    """Settings from a file, "-" for standard input. Raises Refused, OSError."""
    if name == "-":
        return read_settings(read_stdin(), "standard input", Path())
    path = Path(name)
    check_there(path)
    return read_settings(read_text(path), str(path), path.parent)


def shown(key: str, value: Value) -> str:
    """What may be printed of a setting."""
    if SETTINGS[key].secret:
        return "set (not shown)" if value else "none"
    if key == "sign_key" and isinstance(value, bytes):
        from tools import signing

        return f"public key {signing.fingerprint(value)}"
    return f"{len(value)} bytes of DER" if isinstance(value, bytes) else str(value)


def as_bytes(value: Value) -> bytes:
    """What settings.py on the board takes the digest of."""
    return value if isinstance(value, bytes) else str(value).encode()
