"""Packages that are refused: before anything is erased, or at least before anything may boot."""

from __future__ import annotations

import pytest

from host_tests.kit import alp
from host_tests.kit.packed import BLOCK, MQTT, SIZE, erases, fails, running
from host_tests.kit.rig import Rig
from tools.release.package_report import examine_package


def ready(rig: Rig) -> None:
    rig.cloud.faults.uplink_qos0_per_s = None


def test_a_difference_to_another_release_is_refused_before_anything_is_erased(rig: Rig) -> None:
    old = running(rig)
    image = rig.image("1.1.0", size=SIZE)
    other = bytearray(old)
    other[-1] ^= 1
    before = erases(rig)
    for version, source in (("1.1.0", bytes(other)), ("1.1.1", old + bytes(2_000_000))):
        rig.update(version, alp.difference(image, source), isDiff=1)
        fails(rig, -1, "E33 other-source: 1.0.0 runs, it is made from ", version=version)
        assert erases(rig) == before
    # The whole image is as welcome as before.
    image = rig.update("1.1.2", rig.image("1.1.2", size=SIZE))
    rig.ends("1.1.2", "SUCCEEDED")
    assert rig.holds(1, image)


def test_a_difference_that_is_no_package_is_refused_by_name(rig: Rig) -> None:
    running(rig)
    before = erases(rig)
    rig.update("1.1.0", b"BSDIFF40" + bytes(5000), isDiff=1)
    fails(rig, -1, "E24 job-diff: ")
    assert erases(rig) == before


def test_a_package_of_a_later_format_or_for_a_larger_slot_is_told(rig: Rig) -> None:
    running(rig)
    before = erases(rig)
    package = bytearray(alp.compressed(rig.image("1.1.0", size=SIZE)))
    package[4] = 2
    rig.update("1.1.0", bytes(package))
    fails(rig, -1, "E20 job-form: package format 2")
    package[4] = 1
    package[8:12] = (4_000_000).to_bytes(4, "little")
    rig.update("1.1.1", bytes(package))
    fails(rig, -1, "E66 too-large: 4000000 bytes", version="1.1.1")
    assert erases(rig) == before


def damaged(image: bytes, old: bytes, kind: str) -> bytes:
    """A package with one thing wrong, by the name of it."""
    ops = alp.operations(image, old)
    if kind == "another image":
        return alp.head(1, b"another" + image[7:]) + alp.stream(image)
    if kind == "behind":
        return alp.compressed(image) + b"behind"
    if kind == "longer":
        return alp.head(1, image) + alp.stream(image + b"x")
    if kind == "shorter":
        return alp.head(1, image) + alp.stream(image[:-1])
    if kind == "bit":
        package = bytearray(alp.compressed(image))
        package[len(package) // 2] ^= 16
        return bytes(package)
    if kind == "adler":
        package = bytearray(alp.compressed(image))
        package[-1] ^= 16
        return bytes(package)
    if kind == "further":
        return alp.difference(old[:-BLOCK], old, ops=[(alp.COPY, len(old) - 9, b"")])
    if kind == "source":
        ops.insert(1, alp.seek(len(old)))
    elif kind == "seeks":
        ops[1:1] = [alp.seek(0)] * 50
    elif kind == "nothing":
        ops.insert(1, (alp.ADD, 0, b""))
    return alp.difference(image, old, ops=ops)


@pytest.mark.parametrize("scheme", ["https", "mqtt"])
@pytest.mark.parametrize(
    "kind",
    [
        "another image",
        "behind",
        "longer",
        "shorter",
        "bit",
        "adler",
        "further",
        "source",
        "seeks",
        "nothing",
    ],
)
def test_a_package_that_is_wrong_has_a_name_and_never_boots(
    rig: Rig, kind: str, scheme: str
) -> None:
    old = running(rig, MQTT)
    package = damaged(rig.image("1.1.0", size=SIZE), old, kind)
    rig.update("1.1.0", package, scheme=scheme)
    desc = fails(rig, -3, "E73 package: ")
    # In the words that image.py inspect has for it.
    (told,) = examine_package(package, old if package[5] == 2 else None).problems
    assert desc.partition("E73 package: ")[2].partition("; ")[0] in told
    assert rig.board.nvs_get("alink_ota", "attempts"), "it was no attempt"


def test_what_is_wrong_with_the_image_is_told_before_anything_is_erased(rig: Rig) -> None:
    running(rig)
    before = erases(rig)
    image = bytearray(rig.image("1.1.0", size=SIZE))
    image[12] = 9
    rig.update("1.1.0", alp.compressed(bytes(image)))
    fails(rig, -3, "E64 image-chip: ESP32-S3")
    assert erases(rig) == before
