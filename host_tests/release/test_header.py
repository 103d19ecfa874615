"""The walk over an ESP32 image: esptool is the oracle for what a bootloader would take."""

from __future__ import annotations

import hashlib

import pytest
from esptool import FatalError
from esptool.bin_image import LoadFirmwareImage

from host_tests.kit.images import CHIP_ESP32S3, build, make_image
from tools.chip.chips import CHIPS
from tools.chip.firmware import extract_app
from tools.chip.header import parse_image
from tools.cli import Refused
from tools.dev import stock


@pytest.fixture(scope="module")
def stock_app() -> bytes:
    return stock.app_image().data


def esptool_takes(data: bytes) -> bool:
    """Whether esptool finds a valid image for an ESP32."""
    try:
        image = LoadFirmwareImage("esp32", data)
    except FatalError:
        return False
    good_hash = not image.append_digest or image.stored_digest == image.calc_digest
    return bool(image.checksum == image.calculate_checksum() and good_hash and image.chip_id == 0)


def we_take(data: bytes) -> bool:
    """Whether we find the same."""
    try:
        extract_app(data)
    except Refused:
        return False
    image = parse_image(data)
    return not image.problems and image.chip == "esp32"


def with_byte(data: bytes, offset: int, value: int) -> bytes:
    changed = bytearray(data)
    assert changed[offset] != value
    changed[offset] = value
    return bytes(changed)


def rehashed(data: bytes) -> bytes:
    """The image with a hash that is right for its content, so that only the rest is wrong."""
    return data[:-32] + hashlib.sha256(data[:-32]).digest()


def test_a_stock_image_is_read_as_esptool_reads_it(stock_app: bytes) -> None:
    ours = parse_image(stock_app)
    theirs = LoadFirmwareImage("esp32", stock_app)
    assert ours.problems == ()
    assert (ours.chip_id, ours.chip) == (theirs.chip_id, "esp32")
    assert [(s.address, s.size) for s in ours.segments] == [
        (s.addr, len(s.data)) for s in theirs.segments
    ]
    assert ours.end == len(stock_app) == theirs.data_length + 32
    assert (ours.has_hash, ours.checksum_ok, ours.hash_ok) == (True, True, True)
    assert ours.has_app_descriptor
    assert esptool_takes(stock_app)
    assert we_take(stock_app)


def damaged(app: bytes) -> dict[str, bytes]:
    """Every way of being wrong that a download or a mistake produces."""
    flip = with_byte(app, 5000, app[5000] ^ 1)
    return {
        "truncated in the hash": app[:-1],
        "truncated before the hash": app[:-32],
        "truncated in a segment": app[: len(app) // 2],
        "truncated in the header": app[:20],
        "truncated in a segment header": app[:28],
        "bad checksum": rehashed(with_byte(app, len(app) - 33, app[-33] ^ 0x55)),
        "bad hash": with_byte(app, len(app) - 1, app[-1] ^ 1),
        "changed content": flip,
        "changed content, right hash": rehashed(flip),
        "wrong magic": with_byte(app, 0, 0xEA),
        "wrong chip": rehashed(with_byte(app, 12, 9)),
    }


@pytest.mark.parametrize("case", sorted(damaged(make_image())))
def test_a_broken_stock_image_is_refused_as_esptool_refuses_it(
    case: str, stock_app: bytes
) -> None:
    data = damaged(stock_app)[case]
    try:
        taken = esptool_takes(data)
    except Exception:  # esptool 5.6 falls over a header that ends early (struct.error)
        assert "header" in case
        taken = False
    assert not taken
    assert not we_take(data)


def test_seventeen_segments_are_refused_and_sixteen_taken() -> None:
    sixteen = make_image(segments=16)
    seventeen = make_image(segments=17)
    assert esptool_takes(sixteen)
    assert we_take(sixteen)
    assert not esptool_takes(seventeen)
    assert not we_take(seventeen)
    assert parse_image(seventeen).problems == ("17 segments (1 to 16 are allowed)",)


def test_an_image_without_a_hash_is_taken_on_its_checksum() -> None:
    image = make_image(hash_appended=False)
    assert esptool_takes(image)
    assert we_take(image)
    assert parse_image(image).hash_ok is None
    wrong = with_byte(image, 4000, image[4000] ^ 1)
    assert not esptool_takes(wrong)
    assert not we_take(wrong)


def test_a_segment_length_beyond_the_file_is_not_followed() -> None:
    image = bytearray(make_image())
    image[28:32] = b"\xfc\xff\xff\xff"
    problems = parse_image(bytes(image)).problems
    assert len(problems) == 1
    assert problems[0].startswith("truncated: segment 0")


@pytest.mark.parametrize("size", [0, 1, 23, 24, 31])
def test_a_stub_of_a_file_is_a_problem_and_not_a_crash(size: int) -> None:
    assert parse_image(make_image()[:size]).problems


def test_each_chip_is_known_by_the_id_esptool_uses() -> None:
    from esptool.targets import CHIP_DEFS

    for chip in CHIPS:
        assert chip.chip_id == CHIP_DEFS[chip.name].IMAGE_CHIP_ID, chip.name
        assert chip.bootloader == CHIP_DEFS[chip.name].BOOTLOADER_FLASH_OFFSET, chip.name


def test_an_odd_sized_segment_has_the_right_checksum() -> None:
    for words in (1, 2, 3, 5, 255, 1001):
        image = build([(0x3F400020, bytes(range(1, 5)) * words)])
        assert parse_image(image).checksum_ok
        assert esptool_takes(image)


def test_an_image_for_another_chip_says_which_chip() -> None:
    with pytest.raises(Refused) as refused:
        extract_app(make_image(chip_id=CHIP_ESP32S3))
    assert refused.value.cause == "the firmware is for esp32s3, not for esp32"
    assert "--chip esp32s3" in refused.value.advice
    assert extract_app(make_image(chip_id=CHIP_ESP32S3), "ESP32-S3")
