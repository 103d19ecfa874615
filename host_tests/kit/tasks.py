"""A device with versions for it, and its task."""

from __future__ import annotations

from typing import Any

from host_tests.kit.raw_mqtt import (
    DN,
    PK,
    SECRET,
    RawDevice,
    online,
)
from tools.cloud import LocalCloud

TOY = bytes(range(256)) + bytes(range(16))
TOY_MD5 = "5aea39a2a288d22d9b19b9cab95bf00c"
TOY_SHA256 = "6aed54b2c80834cc921daeb23e938d39137f3c6878c1e56d8cbe176ac2bcd258"


def one_version(cloud: LocalCloud) -> None:
    """A device, and a version for it."""
    cloud.add_device(PK, DN, SECRET)
    cloud.add_release(PK, "1.1.0", b"image")


def three_versions(cloud: LocalCloud) -> None:
    """A device, and three versions for it."""
    cloud.faults.connects_per_minute = None
    cloud.add_device(PK, DN, SECRET)
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        cloud.add_release(PK, version, TOY)


def state(cloud: LocalCloud, version: str = "1.1.0") -> str:
    return cloud.task(PK, DN, version).state


def offered(cloud: LocalCloud, dn: str = DN, **push: Any) -> RawDevice:
    """A device on 1.0.0 that has just been offered 1.1.0."""
    device = online(cloud)
    cloud.push(PK, dn, "1.1.0", **push)
    device.push()
    return device


def updating(cloud: LocalCloud, **push: Any) -> RawDevice:
    """A device in the middle of its update from 1.0.0 to 1.1.0."""
    device = offered(cloud, **push)
    device.progress("1", "started")
    device.ping()
    assert state(cloud) == "IN_PROGRESS"
    return device
