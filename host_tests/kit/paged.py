"""A stand-in with a page: two devices, and a version for them."""

from __future__ import annotations

from host_tests.kit.raw_mqtt import DN, PK, SECRET
from tools.cloud import LocalCloud

SETTINGS = {"page_port": 0}


def prepare(cloud: LocalCloud) -> None:
    """Add them; their CONNECTs are not counted."""
    cloud.faults.connects_per_minute = None
    for name in (DN, "roof_1"):
        cloud.add_device(PK, name, SECRET)
    cloud.add_release(PK, "1.1.0", b"image")
