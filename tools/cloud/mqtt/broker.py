"""Where somebody's own broker is, and how the service signs in there: from the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tools.cli import Refused
from tools.texts import decoded

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_ADDRESS = "Give it as mqtt://host:port or mqtts://host:port."


@dataclass(frozen=True)
class Broker:
    """Where a broker is and how to sign in there. `ca_file` None: the system's authorities."""

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def parse(
    url: str, user: str | None = None, password_file: Path | None = None, ca: Path | None = None
) -> Broker:
    """A broker from what stands on the command line. Raises Refused."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise Refused(f"{url.rpartition('@')[2]!r} is no address of a broker", _ADDRESS) from None
    if parts.username or parts.password:
        raise Refused(
            "a user or password does not belong into the address",
            "Use --broker-user and --broker-password-file.",
        )
    if not parts.hostname or parts.path.strip("/") or parts.query:
        raise Refused(f"{url!r} is no address of a broker", _ADDRESS)
    password = None
    if password_file is not None:
        if user is None:
            raise Refused("a password needs a user", "Add --broker-user NAME.")
        try:
            password = decoded(password_file.read_bytes(), password_file).strip()
        except OSError as exc:
            raise Refused(f"cannot read {password_file}: {exc}", "Check the path.") from None
    if ca is not None and not ca.is_file():
        raise Refused(f"cannot read {ca}", "Check the path of --broker-ca.")
    return Broker(parts.hostname, port, parts.scheme == "mqtts", user, password, ca)
