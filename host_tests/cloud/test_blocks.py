"""The stand-in's downloads over MQTT: what it serves, what it refuses, and how it misbehaves."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from host_tests.kit.raw_mqtt import DN, PK, SECRET, RawDevice, online
from tools.cli import Refused
from tools.cloud import LocalCloud
from tools.cloud.ota.blocks import crc16

STREAM = 90001  # of the first task
TOY = bytes(range(256)) + bytes(range(16))
ASK = f"/sys/{PK}/{DN}/thing/file/download"
SECOND = bytes.fromhex(
    "005d7b226964223a223432222c22636f6465223a3230302c226d657373616765223a2273756363657373222c"
    "2264617461223a7b2266696c654c656e677468223a3237322c226253697a65223a31362c22624f6666736574"
    "223a3235367d7d000102030405060708090a0b0c0d0e0f0a17"
)
HUGE = (
    '{"id":"1","params":{"fileInfo":{"streamId":' + "9" * 30 + ',"fileId":1},'
    '"fileBlock":{"size":256,"offset":0}}}'
)


def prepare(cloud: LocalCloud) -> None:
    cloud.faults.connects_per_minute = None
    cloud.add_device(PK, DN, SECRET)
    cloud.add_release(PK, "1.1.0", TOY)


@pytest.fixture
def device(cloud: LocalCloud) -> Iterator[RawDevice]:
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0", scheme="mqtt")
        assert device.push()["data"]["streamId"] == STREAM
        assert device.subscribe(ASK + "_reply") == [0]
        yield device


def ask(device: RawDevice, offset: int, size: int, number: str = "41", **more: Any) -> None:
    info = {"streamId": STREAM, "fileId": 1}
    params = {"fileInfo": info, "fileBlock": {"size": size, "offset": offset}, **more}
    device.publish(ASK, json.dumps({"id": number, "version": "1.0", "params": params}))


def reply(device: RawDevice) -> tuple[dict[str, Any], bytes]:
    """Header, and all that is behind it."""
    topic, payload = device.message()
    assert topic == ASK + "_reply"
    (size,) = struct.unpack(">H", payload[:2])
    return json.loads(payload[2 : 2 + size]), payload[2 + size :]


def test_the_push_of_a_stream_has_its_numbers_instead_of_a_link(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0", scheme="mqtt")
        data = device.push()["data"]
    assert (data["dProtocol"], data["streamId"], data["streamFileId"]) == ("mqtt", STREAM, 1)
    assert "url" not in data


def test_blocks_have_the_frame_of_the_wire_reference(device: RawDevice) -> None:
    ask(device, 0, 256)
    header, rest = reply(device)
    assert header["data"] == {"fileLength": 272, "bSize": 256, "bOffset": 0}
    assert rest == bytes(range(256)) + b"\xd3\xba"
    ask(device, 256, 16, "42")
    assert device.message()[1] == SECOND


def test_the_crc_is_the_platforms() -> None:
    assert crc16(b"123456789") == 0xBB3D
    assert crc16(b"6789", crc16(b"12345")) == 0xBB3D


def test_a_token_is_given_back_and_only_then(device: RawDevice) -> None:
    ask(device, 0, 256, fileToken="toy")
    assert reply(device)[0]["data"]["fileToken"] == "toy"


def test_the_c_sdks_request_with_its_comma_too_many_is_answered(device: RawDevice) -> None:
    text = (
        '{"id":"1","params":{"fileToken":"default","fileInfo":{"streamId":90001,"fileId":1,},'
        '"fileBlock":{"size":256,"offset":0}}}'
    )
    device.publish(ASK, text)
    assert reply(device)[0]["code"] == 200


@pytest.mark.parametrize(
    ("offset", "size"), [(0, 255), (0, 131073), (0, 0), (-1, 256), (272, 256), (256, 15)]
)
def test_illegal_sizes_and_places_are_refused(device: RawDevice, offset: int, size: int) -> None:
    ask(device, offset, size)
    assert reply(device)[0]["code"] == 500


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"id":"1"}',
        '{"id":"1","params":{"fileInfo":7}}',
        '{"id":1e999,"params":{"fileInfo":{"streamId":1,"fileId":1},'
        '"fileBlock":{"size":256,"offset":0}}}',
    ],
)
def test_what_is_no_request_is_recorded(cloud: LocalCloud, device: RawDevice, text: str) -> None:
    device.publish(ASK, text)
    device.ping()
    assert [v.rule for v in cloud.violations] == ["bad block request"]


def test_a_number_beyond_all_bounds_is_a_stream_that_does_not_exist(device: RawDevice) -> None:
    device.publish(ASK, HUGE)
    assert reply(device)[0]["code"] == 500


def test_the_stream_of_another_device_is_refused(cloud: LocalCloud, device: RawDevice) -> None:
    cloud.add_device(PK, "other", SECRET)
    with RawDevice(cloud) as other:
        assert other.connect(dn="other") == 0
        topic = ASK.replace(DN, "other")
        assert other.subscribe(topic + "_reply") == [0]
        info = {"streamId": STREAM, "fileId": 1}
        params = {"fileInfo": info, "fileBlock": {"size": 256, "offset": 0}}
        other.publish(topic, json.dumps({"id": "1", "params": params}))
        _, payload = other.message()
        assert b'"code":500' in payload
        assert TOY[:16] not in payload
    assert "foreign stream" in [v.rule for v in cloud.violations]


@pytest.mark.parametrize(("form", "ends"), [("framed", b"\0\0"), ("no-crc", b"")])
def test_errors_come_in_either_framing(
    cloud: LocalCloud, device: RawDevice, form: str, ends: bytes
) -> None:
    cloud.dialect.block_error = form
    cloud.dialect.block_message = "msg"
    cloud.faults.block_code_next = 1
    cloud.faults.block_code = 404
    ask(device, 0, 256)
    header, rest = reply(device)
    assert (header["code"], rest) == (404, ends)
    assert "msg" in header


def test_an_error_may_come_without_any_frame(cloud: LocalCloud, device: RawDevice) -> None:
    cloud.dialect.block_error = "bare"
    ask(device, 9999, 256)
    assert json.loads(device.message()[1])["code"] == 500


def test_each_fault_is_what_its_name_says(cloud: LocalCloud, device: RawDevice) -> None:
    faults = cloud.faults

    def one(name: str) -> tuple[dict[str, Any], bytes]:
        setattr(faults, f"block_{name}", 1)
        ask(device, 0, 256)
        header, rest = reply(device)
        return header["data"], rest

    good = bytes(range(256)) + b"\xd3\xba"
    assert one("bad_crc")[1][:256] == good[:256]
    assert cloud.blocks[-1].fault == "block_bad_crc"
    assert one("bad_data")[1][256:] == good[256:]
    assert one("truncated")[1] == good[:128]
    assert one("wrong_offset")[0]["bOffset"] != 0
    assert one("wrong_length")[0]["fileLength"] == 273
    assert one("duplicate")[1] == reply(device)[1] == good
    faults.block_late_s = 0.05
    assert one("late")[1] == good
    faults.block_lost = 1
    ask(device, 0, 256)
    device.ping()
    assert device.is_silent()
    assert [block.code for block in cloud.blocks].count(0) == 1


def test_requests_that_come_too_fast_get_no_reply(cloud: LocalCloud, device: RawDevice) -> None:
    cloud.faults.block_interval_s = 60
    ask(device, 0, 256)
    reply(device)
    ask(device, 0, 256)
    assert device.is_silent()
    cloud.advance(60)
    ask(device, 0, 256)
    assert reply(device)[0]["code"] == 200


def test_a_file_over_16_mb_is_not_pushed_over_mqtt(cloud: LocalCloud) -> None:
    cloud.add_release(PK, "1.2.0", bytes(16 * 1024 * 1024 + 1))
    with pytest.raises(Refused, match="16777217 bytes"):
        cloud.push(PK, DN, "1.2.0", scheme="mqtt")
