"""Mosquitto's own files for the devices of a folder: passwords, who may use which topic, settings.

A broker knows no HMAC sign-in. But the password of a device is constant as long as its client ID,
signmethod and timestamp are, and alink's are (docs/cloud.md): so it can stand in a password
file like any other.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from tools.cli import Refused
from tools.cloud.identity import Identity
from tools.cloud.mqtt import topics
from tools.cloud.mqtt.sign_in import password

SERVICE_USER = "alink-ota"
# As alink signs, and the C SDK: a constant, which nobody compares with a clock.
_TIMESTAMP = "2524608000000"
_METHOD = "hmacsha256"
_ROUNDS = 101  # mosquitto_passwd's own number


@dataclass(frozen=True)
class Login:
    """What a device signs in with, the same with TLS and without (securemode is not signed)."""

    client_id: str
    user_name: str
    password: str


def login(identity: Identity, secret: str) -> Login:
    """The constant sign-in of an alink device with its default settings, on a plain port."""
    free = f"{identity.product_key}.{identity.device_name}"
    return Login(
        f"{free}|securemode=3,signmethod={_METHOD},timestamp={_TIMESTAMP}|",
        f"{identity.device_name}&{identity.product_key}",
        password(secret, free, identity, _TIMESTAMP, _METHOD),
    )


def password_line(user_name: str, plain: str) -> str:
    """One line of a password file, as mosquitto_passwd writes it (PBKDF2, SHA-512)."""
    salt = secrets.token_bytes(12)
    key = hashlib.pbkdf2_hmac("sha512", plain.encode(), salt, _ROUNDS)
    return "{}:$7${}${}${}\n".format(
        user_name, _ROUNDS, *(base64.b64encode(part).decode() for part in (salt, key))
    )


def acl_of_device(identity: Identity) -> str:
    """The topics of one device, as mosquitto's acl_file wants them: its own and no others."""
    lines = [f"user {identity.device_name}&{identity.product_key}"]
    lines += [f"topic {verb} {topics.name(t, identity)}" for verb, t in topics.OF_DEVICE]
    return "\n".join(lines) + "\n"


def acl_of_service() -> str:
    """The topics of the OTA service: the other side of every device's."""
    lines = [f"user {SERVICE_USER}"]
    lines += [f"topic read {t.format(pk='+', dn='+')}" for t in topics.TO_CLOUD]
    lines += [f"topic write {t.format(pk='+', dn='+')}" for t in topics.TO_DEVICE]
    return "\n".join(lines) + "\n"


def write(folder: Path, devices: dict[Identity, str], port: int) -> Path:
    """Write passwords, acl, service.password and mosquitto.conf; the path of the last one.

    `devices` maps each device to its secret. The service keeps the password it has. Raises
    Refused for a folder that cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        service = folder / "service.password"
        known = service.read_text().strip() if service.exists() else ""
        plain = known or secrets.token_urlsafe(24)
        logins = [login(identity, secret) for identity, secret in devices.items()]
        _private(service, plain + "\n")
        _private(
            folder / "passwords",
            password_line(SERVICE_USER, plain)
            + "".join(password_line(one.user_name, one.password) for one in logins),
        )
        _private(
            folder / "acl", acl_of_service() + "".join("\n" + acl_of_device(d) for d in devices)
        )
        settings = folder / "mosquitto.conf"
        _private(
            settings,
            f"listener {port}\n"
            "allow_anonymous false\n"
            f"password_file {(folder / 'passwords').resolve()}\n"
            f"acl_file {(folder / 'acl').resolve()}\n"
            "persistence false\n",
        )
    except OSError as exc:
        raise Refused(f"cannot write into {folder}: {exc.strerror}", "Name another.") from None
    return settings


def _private(path: Path, text: str) -> None:
    # Passwords: nobody else's business, from the first moment.
    partial = path.with_name(path.name + ".part")
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    partial.replace(path)
