"""The message that offers a task, in every spelling that the documents leave open."""

from __future__ import annotations

import json

from host_tests.kit.raw_mqtt import (
    DN,
    PK,
    QUERY,
    QUERY_REPLY,
    RawDevice,
    online,
)
from host_tests.kit.tasks import TOY, TOY_MD5, TOY_SHA256, state, three_versions
from tools.cloud import LocalCloud

prepare = three_versions


def test_a_push_has_the_form_of_captured_ones(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        push = device.push()
    url = push["data"].pop("url")
    assert url.startswith(f"https://127.0.0.1:{cloud.https_port}/ota/")
    assert len(url) >= 600
    assert "auth_key=" in url
    number = push.pop("id")
    assert isinstance(number, int)
    assert len(str(number)) == 13
    assert push == {
        "code": "1000",
        "data": {
            "size": 272,
            "version": "1.1.0",
            "signMethod": "Md5",
            "sign": TOY_MD5,
            "md5": TOY_MD5,
        },
        "message": "success",
    }


def test_sha256_comes_without_md5(cloud: LocalCloud) -> None:
    cloud.add_release(PK, "2.0.0", TOY, sign_method="SHA256")
    with online(cloud) as device:
        cloud.push(PK, DN, "2.0.0")
        data = device.push()["data"]
    assert (data["signMethod"], data["sign"]) == ("SHA256", TOY_SHA256)
    assert "md5" not in data


def test_every_spelling_the_documents_leave_open_can_be_chosen(cloud: LocalCloud) -> None:
    cloud.dialect.push_code = 200
    cloud.dialect.push_id_text = True
    cloud.dialect.push_message = False
    cloud.dialect.push_qos = 1
    cloud.dialect.sign_methods = ("MD5", "Sha256")
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        push = device.push()
        device.ping()
    assert push["code"] == 200
    assert isinstance(push["id"], str)
    assert "message" not in push
    assert push["data"]["signMethod"] == "MD5"
    assert cloud.messages[-1].qos == 1
    assert cloud.messages[-1].acked


def test_any_field_can_be_replaced_or_left_out(cloud: LocalCloud) -> None:
    cloud.add_release(PK, "2.0.0", TOY, extData={"ring": "beta"}, isDiff=1)
    with online(cloud) as device:
        cloud.push(
            PK, DN, "2.0.0", size=5, sign="0" * 32, md5=None, data={"module": "m"}, version="9"
        )
        data = device.push()["data"]
        assert device.query()["data"]["size"] == 5
    assert data.pop("url")
    assert data == {
        "size": 5,
        "version": "9",
        "signMethod": "Md5",
        "sign": "0" * 32,
        "extData": {"ring": "beta"},
        "isDiff": 1,
        "module": "m",
    }


def test_a_query_is_answered_with_the_job_and_the_id_as_it_was_sent(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        pushed = device.push()["data"]
        reply = device.query()
        assert (reply["id"], reply["code"]) == ("7", 200)
        # A fresh link each time, otherwise the same job.
        assert reply["data"].pop("url") != pushed.pop("url")
        assert reply["data"] == pushed
        device.publish(QUERY, b'{"id":4294967295}')
        assert json.loads(device.message()[1])["id"] == 4294967295


def test_a_query_without_a_job_is_answered_with_an_empty_one(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        assert device.query() == {"id": "7", "code": 200, "data": {}}
        cloud.push(PK, DN, "1.1.0")
        device.push()
        assert device.query(module="sensor")["data"] == {}


def test_a_query_alone_makes_a_task_notified(cloud: LocalCloud) -> None:
    with RawDevice(cloud) as device:
        assert device.connect() == 0
        assert device.subscribe(QUERY_REPLY) == [0]
        device.report("1.0.0")
        device.ping()
        assert cloud.push(PK, DN, "1.1.0").state == "QUEUED"
        assert device.query()["data"]["version"] == "1.1.0"
        assert state(cloud) == "NOTIFIED"
