"""Somebody's own mosquitto with the files made for it, and a service and devices at it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from host_tests.kit.mosquitto import Mosquitto, free_port
from host_tests.kit.raw_mqtt import DN, PK, SECRET, RawDevice, connect_packet
from tools.cloud import Broker, LocalCloud
from tools.cloud.identity import Identity
from tools.cloud.mqtt import mosquitto

OTHER = Identity(PK, "other")
OTHER_SECRET = "f" * 32


class Hosted:
    """Mosquitto's files in a folder, a broker on them when start() is called, its address."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.devices = {Identity(PK, DN): SECRET, OTHER: OTHER_SECRET}
        self.write()

    def write(self) -> None:
        """Write the files for the devices there are now."""
        mosquitto.write(self.folder, self.devices, self.port)

    def start(self, more: str = "") -> Mosquitto:
        """Run mosquitto with these files."""
        # (The test's mosquitto names its listener itself: on this machine only.)
        lines = (self.folder / "mosquitto.conf").read_text().splitlines()
        settings = "\n".join(one for one in lines if not one.startswith("listener"))
        return Mosquitto(self.folder, f"{settings}\n{more}", self.port)

    def address(self, **more: Any) -> Broker:
        """What the service is given."""
        password = (self.folder / "service.password").read_text().strip()
        return Broker(
            **{
                "host": "127.0.0.1",
                "port": self.port,
                "user": mosquitto.SERVICE_USER,
                "password": password,
                **more,
            }
        )


def cloud_at(hosted: Hosted, folder: Path, **more: Any) -> LocalCloud:
    """A service on that broker that knows its devices."""
    cloud = LocalCloud(folder, broker=hosted.address(**more))
    for identity, secret in hosted.devices.items():
        cloud.add_device(identity.product_key, identity.device_name, secret)
    return cloud


def connected(cloud: LocalCloud) -> None:
    cloud.wait_for(lambda: cloud.broker_connected, 20, "the broker")


def told(cloud: LocalCloud, what: str) -> None:
    """Wait until the console has said `what` about the broker."""
    cloud.wait_for(
        lambda: any(n.kind == "broker" and what in n.text for n in cloud.notes), 20, what
    )


def lost(cloud: LocalCloud, what: str) -> None:
    """Wait until the connection is gone and the console's last word about the broker is `what`."""

    def gone() -> bool:
        last = [note.text for note in cloud.notes if note.kind == "broker"][-1]
        return not cloud.broker_connected and what in last

    cloud.wait_for(gone, 20, f"a lost connection, {what}")


def device(port: int, identity: Identity = OTHER, secret: str = OTHER_SECRET) -> RawDevice:
    """A device made of bytes, signed in there as alink signs in."""
    raw = RawDevice(_Port(port))  # type: ignore[arg-type]
    login = mosquitto.login(identity, secret)
    raw.send(
        connect_packet(
            client_id=login.client_id, user_name=login.user_name, password=login.password
        )
    )
    assert raw.receive() == (0x20, b"\0\0")
    return raw


class _Port:
    """As much of LocalCloud as a raw device needs."""

    def __init__(self, port: int) -> None:
        self.mqtt_port = port
