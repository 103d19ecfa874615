"""Updates that travel as packages: compressed, or as the difference to what runs."""

from __future__ import annotations

import platform

import pytest

from host_tests.kit import alp
from host_tests.kit.locked import MOVER
from host_tests.kit.rig import Rig, app
from tools.release.package_report import examine_package

BLOCK = 4096
SIZE = 120_000  # bytes of firmware
MQTT = app(prologue="WAITS.update(gap_ms=0)", options="block_size=16384")

# Every piece is carried with the heap locked: whatever allocates fails.
LOCKED = app(
    setup=MOVER
    + """
count = 0

def moved(n):
    global count
    count += 1
    if n:
        print("locked: %d times" % count)
"""
)


def ready(rig: Rig) -> None:
    rig.cloud.faults.uplink_qos0_per_s = None


def running(rig: Rig, source: str | None = None, sibling: bool = True) -> bytes:
    """A board with 1.0.0, and perhaps a sibling of it in the other slot; returns what runs."""
    image = rig.image("1.0.0", source, SIZE)
    rig.board.write_slot(0, image)
    if sibling:
        rig.board.write_slot(1, rig.image("1.0.9", size=SIZE))
    rig.board.power_on()
    rig.reports("1.0.0")
    return image


def scattered(rig: Rig, old: bytes) -> tuple[bytes, bytes]:
    """An image 1.1.0 that shares no place with `old`, and a difference that has all operations."""
    image = rig.image("1.1.0", size=SIZE)
    return image, alp.difference(image, old, ops=moved_ops(image, old))


def moved_ops(image: bytes, old: bytes) -> list[alp.Op]:
    """Operations that fetch each piece of `image` from another place of `old`."""
    ops: list[alp.Op] = []
    at = 0
    for number, start in enumerate(range(0, len(image), 5000)):
        piece = image[start : start + 5000]
        if number % 5 == 4:
            ops.append((alp.INSERT, len(piece), piece))
            continue
        to = start + (number * 331) % 4000 if number % 3 else start
        to = max(0, min(to, len(old) - len(piece)))
        if to != at:
            ops.append(alp.seek(to - at))
        theirs = old[to : to + len(piece)]
        if theirs == piece:
            ops.append((alp.COPY, len(piece), b""))
        else:
            sums = bytes((a - b) & 255 for a, b in zip(piece, theirs, strict=True))
            ops.append((alp.ADD, len(piece), sums))
        at = to + len(piece)
    assert alp.played(ops, old) == image
    return ops


def erases(rig: Rig) -> int:
    """Sectors of slot 1 that were erased since the board was made."""
    return rig.board.flash_ops["ota_1"].erases


def succeeds(rig: Rig, image: bytes) -> None:
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    assert rig.holds(1, image)
    assert [n for n in rig.steps() if n < 0] == []


def fails(rig: Rig, step: int, *said: str, version: str = "1.1.0") -> str:
    """The update ends with this step, and nothing of it boots; what the board has said."""
    desc = rig.ends(version, "FAILED")
    for one in said:
        assert one in desc
    assert rig.steps()[-1] == step
    assert rig.boots_slot() == 0
    assert len(rig.board.boots) == 1, "it was started"
    return desc


@pytest.mark.parametrize("scheme", ["https", "mqtt"])
@pytest.mark.parametrize("window", [10, 12])
def test_a_compressed_image_is_unpacked_into_the_slot(rig: Rig, scheme: str, window: int) -> None:
    rig.start("1.0.0", MQTT)
    image = rig.image("1.1.0", size=SIZE)
    package = alp.compressed(image, window)
    rig.update("1.1.0", package, scheme=scheme)
    succeeds(rig, image)
    if scheme == "https":
        assert sum(d.bytes_sent for d in rig.fetched()) == len(package)


@pytest.mark.parametrize("scheme", ["https", "mqtt"])
def test_a_one_line_change_travels_in_a_few_bytes_and_writes_a_few_blocks(
    rig: Rig, scheme: str
) -> None:
    old = running(rig)
    before = erases(rig)
    image = rig.image("1.1.0", size=SIZE)
    package = alp.difference(image, old)
    assert len(package) <= 1024
    rig.update("1.1.0", package, scheme=scheme, isDiff=1)
    succeeds(rig, image)
    said = str(rig.progress()[-1]["desc"])
    written = int(said.split()[1])
    assert said == f"stored, {written} of {-(-len(image) // BLOCK)} blocks written, restarting"
    assert 1 <= written <= 4
    assert erases(rig) - before == written
    if scheme == "mqtt":
        assert len(rig.cloud.blocks) == 1


@pytest.mark.parametrize("kind", ["compressed", "difference"])
def test_a_package_needs_no_heap_per_piece(rig: Rig, kind: str) -> None:
    old = running(rig, LOCKED)
    image, package = scattered(rig, old)
    if kind == "compressed":
        package = alp.compressed(image)
    rig.cloud.faults.odd_pieces = 1
    rig.update("1.1.0", package)
    succeeds(rig, image)
    rig.says("locked: ")


@pytest.mark.parametrize("processor", ["of the chip", "of the desk"])
def test_the_sums_are_done_in_machine_code_or_where_that_is_refused_in_bytecode(
    rig: Rig, processor: str
) -> None:
    # The sim is no ESP32: it refuses machine code for one, as an ESP32 does what is for others.
    refused = processor == "of the chip"
    if not refused and platform.machine() != "x86_64":
        pytest.skip("there is no machine code for this desk's processor")
    source = app(prologue="from alink import log\nlog.level = 2")
    old = rig.image("1.0.0", source, SIZE, processor=None if refused else "x64")
    rig.board.write_slot(0, old)
    rig.board.power_on()
    rig.reports("1.0.0")
    image, package = scattered(rig, old)
    rig.update("1.1.0", package, isDiff=1)
    succeeds(rig, image)
    said = "sums in bytecode: incompatible .mpy arch" in rig.board.console_text()
    assert said == refused


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


def test_a_link_that_drops_costs_only_what_was_lost_on_the_way(rig: Rig) -> None:
    old = running(rig, sibling=False)
    image, package = scattered(rig, old)
    rig.cloud.faults.cut_after = 30_000
    rig.cloud.faults.cut_times = 3
    rig.update("1.1.0", package)
    succeeds(rig, image)
    starts = [d.range_start or 0 for d in rig.fetched()]
    assert len(starts) == 4
    assert starts == sorted(set(starts)), "it began again"
    assert sum(d.bytes_sent for d in rig.fetched()) < len(package) + 3 * 65536


def test_a_server_without_ranges_does_not_garble_the_image(rig: Rig) -> None:
    old = running(rig)
    image, package = scattered(rig, old)
    rig.cloud.faults.ignore_range = True
    rig.cloud.faults.cut_after = 70_000
    rig.cloud.faults.cut_times = 2
    rig.update("1.1.0", package)
    succeeds(rig, image)


def test_after_a_power_cut_what_is_right_already_is_not_written_again(rig: Rig) -> None:
    old = running(rig, sibling=False)
    image, package = scattered(rig, old)
    before = erases(rig)
    rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 2048, 0.005
    rig.update("1.1.0", package, isDiff=1)
    rig.wait(lambda: erases(rig) - before > 20, "20 blocks")
    rig.board.power_cut()
    assert ("alink_ota", "at") not in rig.board.nvs_keys("alink_ota"), "a checkpoint of a package"
    rig.cloud.faults.drip_bytes = 0
    rig.board.power_on()
    rig.ends("1.1.0", "SUCCEEDED")
    assert rig.holds(1, image)
    # One that was under way is written twice.
    assert erases(rig) - before <= -(-len(image) // BLOCK) + 1
    assert rig.fetched()[-1].range_start in (0, None)


def test_a_checkpoint_is_no_place_in_a_package(rig: Rig) -> None:
    old = running(rig, sibling=False)
    image, package = scattered(rig, old)
    rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 2048, 0.005
    before = erases(rig)
    rig.update("1.1.0", package, isDiff=1)
    rig.wait(lambda: erases(rig) - before > 5, "5 blocks")
    rig.board.power_cut()
    rig.board.nvs_set("alink_ota", "at", 8 * BLOCK)
    rig.cloud.faults.drip_bytes = 0
    rig.board.power_on()
    rig.ends("1.1.0", "SUCCEEDED")
    assert rig.holds(1, image)


@pytest.mark.parametrize("way", ["in turn", "alone"])
def test_a_difference_is_taken_in_turn_and_alone(rig: Rig, way: str) -> None:
    old = running(rig, app(options=f"way={way!r}"))
    image, package = scattered(rig, old)
    rig.update("1.1.0", package, isDiff=1)
    succeeds(rig, image)
    assert f"taken {way}" in rig.board.console_text()


def test_a_damaged_block_over_mqtt_costs_a_request_and_not_the_update(rig: Rig) -> None:
    old = running(rig, MQTT)
    image, package = scattered(rig, old)
    rig.cloud.faults.block_from = 20_000
    for name in ("bad_crc", "bad_data", "truncated", "lost", "cut"):
        setattr(rig.cloud.faults, f"block_{name}", 1)
    rig.update("1.1.0", package, scheme="mqtt", isDiff=1)
    succeeds(rig, image)


def test_an_interrupted_trial_is_checked_by_the_images_digest_and_goes_on(rig: Rig) -> None:
    rig.limits(prove_ms=60000)
    old = running(rig)
    image = rig.image("1.1.0", size=SIZE)
    rig.update("1.1.0", alp.difference(image, old), isDiff=1)
    rig.says("start 1.1.0")
    rig.board.power_cut()
    rig.limits(prove_ms=0)
    rig.board.power_on()
    succeeds(rig, image)
    assert [boot.slot for boot in rig.board.boots] == [0, 1, 0, 1]
    assert len(rig.fetched()) == 1, "it was downloaded again"
