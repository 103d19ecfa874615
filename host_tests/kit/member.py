"""A device of a fleet, made of bytes: it says and hears what a test tells it to."""

from __future__ import annotations

import json
from typing import Any

from host_tests.kit.raw_mqtt import PK, RawDevice
from tools.cloud import LocalCloud

MINUTE = 60.0


class Member:
    """A device of a fleet: signed in, subscribed; `version` is reported unless it is None."""

    def __init__(self, cloud: LocalCloud, name: str, version: str | None = "1.0.0") -> None:
        self.name = name
        self.mqtt = RawDevice(cloud)
        assert self.mqtt.connect(dn=name, keepalive=1200) == 0
        self.upgrade = f"/ota/device/upgrade/{PK}/{name}"
        self.query_topic = f"/sys/{PK}/{name}/thing/ota/firmware/get"
        assert self.mqtt.subscribe(self.upgrade, self.query_topic + "_reply") == [0, 0]
        if version is not None:
            self.report(version)

    def __enter__(self) -> Member:
        return self

    def __exit__(self, *_: object) -> None:
        self.mqtt.sock.close()

    def says(self, topic: str, **params: Any) -> None:
        """Send params to a topic."""
        self.mqtt.publish(topic, {"id": "1", "params": params})

    def report(self, version: str) -> None:
        """Report a version; a push may be the answer."""
        self.says(f"/ota/device/inform/{PK}/{self.name}", version=version)

    def progress(self, step: int) -> None:
        """Report progress."""
        self.says(f"/ota/device/progress/{PK}/{self.name}", step=str(step), desc="told")

    def pushed(self) -> str:
        """The version of the push that comes next."""
        return str(self.push()["version"])

    def push(self) -> dict[str, Any]:
        """The data of the push that comes next."""
        topic, payload = self.mqtt.message()
        assert topic == self.upgrade
        data: dict[str, Any] = json.loads(payload)["data"]
        return data

    def asks(self) -> str | None:
        """The version that the answer to a query offers."""
        self.says(self.query_topic)
        topic, payload = self.mqtt.message()
        assert topic == self.query_topic + "_reply"
        version = json.loads(payload)["data"].get("version")
        return None if version is None else str(version)

    def waits(self, cloud: LocalCloud, minutes: float) -> None:
        """Let so many minutes pass, and stay signed in: each time hearing nothing but pings."""
        while minutes > 20:
            cloud.advance(20 * MINUTE)
            self.hears_nothing()
            minutes -= 20
        cloud.advance(minutes * MINUTE)

    def updates(self) -> str:
        """Take the push that comes next and end up with its version."""
        version = self.pushed()
        self.progress(10)
        self.report(version)
        self.hears_nothing()
        return version

    def fails(self) -> str:
        """Take the push that comes next and fail."""
        version = self.pushed()
        self.progress(-1)
        self.hears_nothing()
        return version

    def hears_nothing(self) -> None:
        """Nothing has been sent: a ping's answer comes first."""
        self.mqtt.ping()
