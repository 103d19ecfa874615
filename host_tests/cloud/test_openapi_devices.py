"""Devices by the API: each call through its unmodified SDK."""

from __future__ import annotations

from alibabacloud_iot20180120.client import Client

from host_tests.kit.member import Member
from host_tests.kit.platform_sdk import done, four_devices, why
from host_tests.kit.raw_mqtt import PK, SECRET
from tools.cloud import LocalCloud

prepare = four_devices


def test_devices_tell_their_status_and_versions_and_never_their_secret(
    cloud: LocalCloud, client: Client
) -> None:
    with Member(cloud, "north") as north:
        north.says(f"/ota/device/inform/{PK}/north", version="7", module="sensor")
        north.hears_nothing()
        device = {"ProductKey": PK, "DeviceName": "north"}
        assert done(client, "GetDeviceStatus", **device)["Data"]["Status"] == "ONLINE"
        detail = done(client, "QueryDeviceDetail", **device)["Data"]
        assert (detail["FirmwareVersion"], detail["Status"]) == ("1.0.0", "ONLINE")
        assert done(client, "GetDeviceStatus", IotId=detail["IotId"])["Data"]["Status"] == "ONLINE"
        answer = done(
            client, "ListOTAModuleVersionsByDevice", CurrentPage=1, PageSize=10, **device
        )
        modules = answer["Data"]["SimpleOTAModuleInfo"]
        assert {one["ModuleName"]: one["ModuleVersion"] for one in modules} == {
            "default": "1.0.0",
            "sensor": "7",
        }
        page = done(client, "QueryDevice", ProductKey=PK, CurrentPage=1, PageSize=3)
        assert (page["Total"], page["PageCount"]) == (4, 2)
        found = {one["DeviceName"]: one["DeviceStatus"] for one in page["Data"]["DeviceInfo"]}
        assert found == {"east": "UNACTIVE", "north": "ONLINE", "south": "UNACTIVE"}
        assert SECRET not in str(page) + str(detail)
    cloud.wait_for(lambda: not cloud.online(PK, "north"), what="north to go")
    assert done(client, "GetDeviceStatus", **device)["Data"]["Status"] == "OFFLINE"
    assert "device does not" in why(client, "GetDeviceStatus", ProductKey=PK, DeviceName="no")


def test_a_device_that_is_deleted_is_signed_off_and_its_task_ends(
    cloud: LocalCloud, client: Client
) -> None:
    cloud.add_release(PK, "1.1.0", b"image")
    device = {"ProductKey": PK, "DeviceName": "north"}
    with Member(cloud, "north") as north:
        cloud.push(PK, "north", "1.1.0")
        assert north.pushed() == "1.1.0"
        done(client, "DeleteDevice", **device)
        assert north.mqtt.sock.recv(1) == b""
    assert cloud.task(PK, "north", "1.1.0").state == "CANCELED"
    assert "device does not" in why(client, "DeleteDevice", **device)
    assert "device does not" in why(client, "QueryDeviceDetail", **device)
