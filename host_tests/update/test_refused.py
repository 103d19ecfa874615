"""Files and links that must not get into a board: what flash holds and what the cloud is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.kit.images import CHIP_ESP32C3, make_image, make_merged
from host_tests.kit.rig import DN, PK, Rig, app, firmware
from tools.sim.device.simchip.nvsstore import NvsError

HEAP = "esp32"

QUICK = app(options="").replace("retry_max_ms=100", "retry_max_ms=100, tries=3")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", QUICK)
        yield rig


def fails(rig: Rig, version: str, name: str, step: int) -> str:
    """The task fails by this error and step, said once; the old version runs on, untouched."""
    desc = rig.ends(version, "FAILED")
    assert f" {name}: " in desc, desc
    assert len(desc) <= 128
    negative = [n for n in rig.steps() if n < 0]
    assert negative == [step]
    assert rig.boots_slot() == 0
    assert len(rig.board.boots) == 1, "the board restarted"
    return desc


def test_a_file_with_another_digest_is_not_booted(rig: Rig) -> None:
    rig.update("1.1.0", signMethod="SHA256", sign="0" * 64, md5=None)
    fails(rig, "1.1.0", "digest", -3)
    assert len(rig.fetched()) == 1, "it was downloaded again"


def test_a_file_shorter_than_told_is_not_even_begun(rig: Rig) -> None:
    image = rig.release("1.1.0")
    rig.push("1.1.0", size=len(image) + 100)
    fails(rig, "1.1.0", "http-length", -2)
    assert rig.untouched()


def test_a_file_longer_than_told_is_not_even_begun(rig: Rig) -> None:
    image = rig.release("1.1.0")
    rig.push("1.1.0", size=len(image) - 100)
    fails(rig, "1.1.0", "http-length", -2)
    assert rig.untouched()


def test_an_image_for_another_chip_leaves_the_slot_as_it_was(rig: Rig) -> None:
    rig.update("1.1.0", make_image(65536, chip_id=CHIP_ESP32C3))
    assert "ESP32-C3" in fails(rig, "1.1.0", "image-chip", -3)
    assert rig.untouched()


def test_a_merged_firmware_is_recognised_before_the_first_erase(rig: Rig) -> None:
    rig.update("1.1.0", make_merged(firmware(65536)))
    assert "build a release" in fails(rig, "1.1.0", "image-merged", -3)
    assert rig.untouched()


def test_a_firmware_without_an_application_never_boots(rig: Rig) -> None:
    # What is published as .app-bin: a right image, which would leave the board away for minutes.
    rig.update("1.1.0", firmware(65536))
    assert "build a release" in fails(rig, "1.1.0", "no-application", -3)
    assert len(rig.board.boots) == 1
    assert rig.boots_slot() == 0
    rig.update("1.2.0")
    rig.ends("1.2.0", "SUCCEEDED")


@pytest.mark.parametrize(
    ("body", "said"), [(b"\x1f\x8b" + bytes(9000), "gzip"), (b"<html>" + bytes(9000), "web page")]
)
def test_a_file_that_is_no_image_is_named(rig: Rig, body: bytes, said: str) -> None:
    rig.update("1.1.0", body)
    assert said in fails(rig, "1.1.0", "image-magic", -3)
    assert rig.untouched()


def test_an_image_larger_than_the_slot_is_not_fetched(rig: Rig) -> None:
    rig.update("1.1.0", firmware(65536), size=0x1D8000 + 1)
    fails(rig, "1.1.0", "too-large", -1)
    assert rig.fetched() == []
    assert rig.untouched()


def test_an_image_that_the_bootloader_would_refuse_is_not_made_bootable(rig: Rig) -> None:
    image = bytearray(rig.image("1.1.0"))
    image[5000] ^= 1  # the digest is of the damaged file: only the checksum and hash inside see it
    rig.update("1.1.0", bytes(image))
    fails(rig, "1.1.0", "boot-refused", -3)


def test_a_plain_http_link_is_refused(rig: Rig) -> None:
    rig.release("1.1.0")
    rig.push("1.1.0", scheme="http")
    fails(rig, "1.1.0", "insecure-link", -1)
    assert rig.fetched() == []


FILE = {
    "fileSize": 1,
    "fileName": "a",
    "fileUrl": "https://dl.example.net/a",
    "fileSign": "0" * 32,
}


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"isDiff": 1, "files": [FILE, FILE], "url": None, "size": None}, "job-diff"),
        ({"dProtocol": "coap"}, "job-protocol"),
        ({"module": "sensorhub"}, "job-module"),
        ({"files": [FILE, FILE], "url": None, "size": None}, "job-form"),
        ({"signMethod": "CRC32"}, "job-field"),
    ],
)
def test_a_job_of_a_kind_the_board_cannot_do_is_answered(
    rig: Rig, data: dict[str, object], name: str
) -> None:
    # Without an answer the platform would push it for ever and block what comes after.
    rig.release("1.1.0")
    rig.push("1.1.0", data=data)
    rig.wait(lambda: any(n < 0 for n in rig.steps()), "a negative step")
    said = [p for p in rig.progress() if int(p["step"]) < 0]
    assert len(said) == 1
    assert f" {name}: " in said[0]["desc"]
    assert said[0].get("module") == data.get("module")
    assert rig.fetched() == []


def test_an_image_that_keeps_failing_is_not_downloaded_a_fourth_time(rig: Rig) -> None:
    rig.release("1.1.0")
    for attempt in (1, 2, 3):
        rig.push("1.1.0", sign="0" * 32, md5=None)
        rig.ends("1.1.0", "FAILED")
        assert len(rig.fetched()) == attempt
    said = len(rig.sent("/inform/"))  # (One more for each that had to be taken in turn.)
    rig.board.power_cut()  # the count survives
    rig.board.power_on()
    rig.wait(lambda: len(rig.sent("/inform/")) == said + 1, "the board to be back")
    rig.push("1.1.0", sign="0" * 32, md5=None)
    rig.wait(lambda: len([n for n in rig.steps() if n < 0]) == 4, "the answer")
    assert " attempts: " in rig.progress()[-1]["desc"]
    assert len(rig.fetched()) == 3, "it was downloaded again"


def test_a_full_settings_memory_costs_the_update_but_not_the_application(rig: Rig) -> None:
    rig.board.power_cut()
    for size in (1000, 100, 10, 1):
        for n in range(200):
            try:
                rig.board.nvs_set("filler", f"k{size}.{n}", bytes(size))
            except NvsError:
                break
    rig.board.power_on()
    rig.wait(lambda: len(rig.sent("/inform/")) == 2, "the board to be back")
    rig.update("1.1.0")
    desc = rig.ends("1.1.0", "FAILED")
    assert " nvs: " in desc
    assert "erase it and provision" in desc
    assert rig.steps()[-1] == -4
    assert rig.boots_slot() == 0
    rig.cloud.push(PK, DN, "1.1.0")  # it is still there to answer
    rig.ends("1.1.0", "FAILED")


def test_the_signed_link_and_the_secret_are_never_on_the_console(rig: Rig) -> None:
    rig.update("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")
    console = rig.board.console_text()
    assert "auth_key" not in console
    assert rig.device.secret not in console
    assert "wifi-password" not in console
