"""The platform's API on the stand-in, each operation through its unmodified SDK."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from alibabacloud_iot20180120.client import Client

from host_tests.kit.member import MINUTE, Member
from host_tests.kit.platform_sdk import call, sdk, uploaded
from host_tests.kit.raw_mqtt import PK, SECRET
from tools.cloud import LocalCloud
from tools.release.pack import difference

NAMES = ("east", "north", "south", "west")
HOUR = 60 * MINUTE
OLD = hashlib.shake_256(b"1.0.0").digest(9000)
NEW = OLD[:5000] + b"one more line" + OLD[5000:]


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path) as cloud:
        cloud.faults.connects_per_minute = None
        cloud.faults.limit_calls = False
        for name in NAMES:
            cloud.add_device(PK, name, SECRET)
        yield cloud


@pytest.fixture
def client(cloud: LocalCloud) -> Client:
    return sdk(cloud)


def done(client: Client, action: str, **fields: Any) -> dict[str, Any]:
    """The answer of a call that succeeds."""
    answer = call(client, action, **fields)
    assert answer["Success"], answer
    return answer


def why(client: Client, action: str, **fields: Any) -> str:
    """The message of a call that the service refuses."""
    answer = call(client, action, **fields)
    assert not answer["Success"]
    assert answer["Code"].startswith("iot.")
    return str(answer["ErrorMessage"])


def package(client: Client, version: str = "1.1.0", verify: bool = False, **more: Any) -> str:
    """The ID of a new package."""
    fields = {
        "FirmwareName": "app-" + version.replace(".", "_"),
        "ProductKey": PK,
        "DestVersion": version,
        "NeedToVerify": verify,
        **more,
    }
    if "MultiFiles" not in fields:
        fields.setdefault("FirmwareUrl", uploaded(client, version.encode()))
    return str(done(client, "CreateOTAFirmware", **fields)["Data"]["FirmwareId"])


def job(client: Client, firmware: str, kind: str = "Static", **more: Any) -> str:
    """The ID of a new batch: of all devices unless told."""
    if kind == "Static":
        more.setdefault("TargetSelection", "ALL")
    action = "CreateOTAVerifyJob" if kind == "Verify" else f"CreateOTA{kind}UpgradeJob"
    answer = done(client, action, FirmwareId=firmware, ProductKey=PK, **more)
    return str(answer["Data"]["JobId"])


def states(client: Client, job_id: str, **more: Any) -> dict[str, str]:
    answer = done(client, "ListOTATaskByJob", JobId=job_id, CurrentPage=1, PageSize=100, **more)
    return {one["DeviceName"]: one["TaskStatus"] for one in answer["Data"]["SimpleOTATaskInfo"]}


def status(client: Client, job_id: str) -> str:
    return str(done(client, "QueryOTAJob", JobId=job_id)["Data"]["JobStatus"])


# --- packages ---


def test_a_package_is_what_was_uploaded(cloud: LocalCloud, client: Client) -> None:
    content = b"an image" * 1000
    url = uploaded(client, content)
    made = package(client, FirmwareUrl=url, Udi="blue", FirmwareDesc="first", ModuleName="sensor")
    info = done(client, "QueryOTAFirmware", FirmwareId=made)["FirmwareInfo"]
    assert {
        "FirmwareName": "app-1_1_0",
        "FirmwareDesc": "first",
        "FirmwareSize": len(content),
        "FirmwareSign": hashlib.md5(content).hexdigest(),
        "ModuleName": "sensor",
        "SignMethod": "MD5",
        "Status": -1,
        "Type": 0,
        "Udi": "blue",
    }.items() <= info.items()
    with Member(cloud, "north", None) as north:
        north.says(f"/ota/device/inform/{PK}/north", version="1", module="sensor")
        north.hears_nothing()
        job(client, made, TargetSelection="SPECIFIC", TargetDeviceName=["north"])
        data = north.push()
    assert (data["module"], data["extData"]) == ("sensor", {"_package_udi": "blue"})
    assert why(client, "CreateOTAFirmware", **again(url=url)).startswith("No file")


def again(version: str = "1.1.0", name: str = "again", url: str = "") -> dict[str, Any]:
    return {"ProductKey": PK, "DestVersion": version, "FirmwareName": name, "FirmwareUrl": url}


def test_a_package_of_several_files_is_offered_with_their_names(
    cloud: LocalCloud, client: Client
) -> None:
    contents = {"page.tar.gz": b"page", "table.bin": b"table"}
    files = [{"Name": n, "Url": uploaded(client, c)} for n, c in contents.items()]
    made = package(client, MultiFiles=files, SignMethod="SHA256")
    info = done(client, "QueryOTAFirmware", FirmwareId=made)["FirmwareInfo"]
    assert {one["Name"]: one["SignValue"] for one in info["MultiFiles"]} == {
        name: hashlib.sha256(content).hexdigest() for name, content in contents.items()
    }
    with Member(cloud, "north") as north:
        north.hears_nothing()
        job(client, made, "Dynamic", SrcVersion=["1.0.0"])
        assert [one["fileName"] for one in north.push()["files"]] == list(contents)


def test_what_is_no_package_is_refused_by_a_sentence(cloud: LocalCloud, client: Client) -> None:
    url = uploaded(client, b"content")
    package(client)
    for fields, told in (
        ({"FirmwareName": "-"}, "FirmwareName has"),
        ({"FirmwareName": "app-1_1_0"}, "used already"),
        ({"ProductKey": "nobody"}, "product does not exist"),
        ({"DestVersion": "1 2"}, "version"),
        ({"DestVersion": "1.1.0"}, "already"),
        ({"Type": 1}, "SrcVersion"),
        ({"Type": 1, "SrcVersion": "1.2.0"}, "SrcVersion"),
        ({"SignMethod": "CRC"}, "SignMethod"),
        ({"FirmwareSign": "0" * 32}, "FirmwareSign"),
        ({"FirmwareSize": 1}, "FirmwareSize"),
        ({"Udi": "x" * 4097}, "Udi"),
        ({"MultiFiles": [{"Name": "a", "Url": url}]}, "exclude"),
    ):
        assert told in why(client, "CreateOTAFirmware", **{**again("1.2.0", url=url), **fields})
    assert package(client, "1.2.0", FirmwareUrl=url)


def test_five_hundred_packages_are_the_most(cloud: LocalCloud, client: Client) -> None:
    for number in range(500):
        cloud.add_release(PK, f"0.{number}", b"%d" % number)
    url = uploaded(client, b"one more")
    assert "500" in why(client, "CreateOTAFirmware", **again(url=url))


def test_packages_are_listed_by_page_also_those_of_the_other_commands(
    cloud: LocalCloud, client: Client
) -> None:
    cloud.add_release(PK, "1.0.0", b"1.0.0")
    made = [package(client, version) for version in ("1.1.0", "1.2.0")]
    first = done(client, "ListOTAFirmware", CurrentPage=1, PageSize=2)
    assert (first["Total"], first["PageCount"]) == (3, 2)
    assert [one["FirmwareId"] for one in first["FirmwareInfo"]["SimpleFirmwareInfo"]] == [
        made[1],
        made[0],
    ]
    second = done(client, "ListOTAFirmware", CurrentPage=2, PageSize=2)
    (old,) = second["FirmwareInfo"]["SimpleFirmwareInfo"]
    assert (old["DestVersion"], old["Status"]) == ("1.0.0", -1)
    only = done(client, "ListOTAFirmware", CurrentPage=1, PageSize=9, DestVersion="1.1.0")
    assert only["Total"] == 1
    assert status(client, job(client, old["FirmwareId"])) == "IN_PROGRESS"


def test_a_package_that_is_deleted_is_gone_and_its_link_leads_nowhere_else(
    cloud: LocalCloud, client: Client
) -> None:
    made = package(client)
    with Member(cloud, "north") as north:
        north.hears_nothing()
        job(client, made, TargetSelection="SPECIFIC", TargetDeviceName=["north"])
        link = north.push()["url"]
        assert "cancel" in why(client, "DeleteOTAFirmware", FirmwareId=made)
        north.report("1.1.0")
        north.hears_nothing()
    done(client, "DeleteOTAFirmware", FirmwareId=made)
    assert "does not exist" in why(client, "QueryOTAFirmware", FirmwareId=made)
    package(client, FirmwareName="app-new")
    answer = requests.get(link, timeout=20, verify=str(cloud.ca_file))
    assert answer.status_code == 404


# --- verification ---


def test_only_what_was_verified_goes_to_many(cloud: LocalCloud, client: Client) -> None:
    made = package(client, verify=True)

    def told() -> tuple[int, int]:
        info = done(client, "QueryOTAFirmware", FirmwareId=made)["FirmwareInfo"]
        return info["Status"], info["VerifyProgress"]

    everyone = {"FirmwareId": made, "ProductKey": PK, "TargetSelection": "ALL"}
    assert told() == (0, 0)
    assert "verified" in why(client, "CreateOTAStaticUpgradeJob", **everyone)
    with Member(cloud, "north") as north, Member(cloud, "south") as south:
        south.hears_nothing()
        try_ = {"TargetDeviceName": ["north", "south"]}
        first = job(client, made, "Verify", **try_)
        assert north.updates() == "1.1.0"
        assert told() == (2, 50)
        more = {"FirmwareId": made, "ProductKey": PK, **try_}
        assert "verified" in why(client, "CreateOTAVerifyJob", **more)
        south.fails()
        assert told() == (3, 50)
        assert "verified" in why(client, "CreateOTAStaticUpgradeJob", **everyone)
        job(client, made, "Verify", TargetDeviceName=["south"])
        south.updates()
    assert told() == (1, 100)
    assert done(client, "QueryOTAJob", JobId=first)["Data"]["JobType"] == "VERIFY_FIRMWARE"
    assert states(client, job(client, made)) == {"east": "QUEUED", "west": "QUEUED"}


# --- batches ---


def test_a_static_batch_takes_the_terms_of_the_call(cloud: LocalCloud, client: Client) -> None:
    made = package(client)
    with Member(cloud, "north") as north, Member(cloud, "south", "0.9.0") as south:
        south.hears_nothing()
        number = job(
            client,
            made,
            SrcVersion=["1.0.0"],
            TimeoutInMinutes=60,
            RetryInterval=30,
            RetryCount=2,
            MaximumPerMinute=10,
            OverwriteMode=2,
            DownloadProtocol="MQTT",
            Tag=[{"Key": "key1", "Value": "value1"}],
        )
        data = north.push()
        assert (data["dProtocol"], data["extData"]) == ("mqtt", {"key1": "value1"})
        assert states(client, number) == {"north": "NOTIFIED"}
        north.progress(20)
        north.hears_nothing()
        answer = done(client, "ListOTATaskByJob", JobId=number, CurrentPage=1, PageSize=10)
        (task,) = answer["Data"]["SimpleOTATaskInfo"]
        told = (task["TaskStatus"], task["Progress"], task["SrcVersion"], task["Timeout"])
        assert told == ("IN_PROGRESS", "20", "1.0.0", "60")
        said = done(client, "QueryOTAJob", JobId=number)["Data"]
        assert {
            "JobStatus": "IN_PROGRESS",
            "JobType": "UPGRADE_FIRMWARE",
            "SelectionType": "STATIC",
            "TargetSelection": "ALL",
            "DownloadProtocol": "MQTT",
            "MaximumPerMinute": 10,
            "OverwriteMode": 2,
            "RetryCount": 2,
            "RetryInterval": 30,
            "TimeoutInMinutes": 60,
            "FirmwareId": made,
            "DestVersion": "1.1.0",
        }.items() <= said.items()
        assert said["SrcVersions"]["SrcVersion"] == ["1.0.0"]
        assert said["Tags"]["OtaTagDTO"] == [{"Key": "key1", "Value": "value1"}]
        north.report("1.1.0")
        north.hears_nothing()
    assert status(client, number) == "COMPLETED"


def test_a_batch_for_a_share_takes_so_many_and_one_at_least(
    cloud: LocalCloud, client: Client
) -> None:
    for number in range(16):
        cloud.add_device(PK, f"row_{number}", SECRET)
    for percent, count in (("33.333", 6), ("0.5", 1)):
        version = f"1.{count}"
        number_ = job(
            client, package(client, version), TargetSelection="GRAY", GrayPercent=percent
        )
        assert len(states(client, number_)) == count
        said = done(client, "QueryOTAJob", JobId=number_)["Data"]
        assert (said["TargetSelection"], said["GrayPercent"]) == ("GRAY", percent)


def test_a_scheduled_batch_begins_and_ends_at_its_times(cloud: LocalCloud, client: Client) -> None:
    made = package(client)
    with Member(cloud, "north") as north:
        north.hears_nothing()
        now = cloud.messages[-1].time * 1000
        number = job(
            client,
            made,
            TargetSelection="SPECIFIC",
            TargetDeviceName=["north", "south"],
            ScheduleTime=int(now + 6 * MINUTE * 1000),
            ScheduleFinishTime=int(now + (6 * MINUTE + 2 * HOUR) * 1000),
        )
        assert status(client, number) == "PLANNED"
        assert north.asks() is None
        north.waits(cloud, 5)
        north.hears_nothing()
        cloud.advance(1.1 * MINUTE)
        assert north.pushed() == "1.1.0"
        assert status(client, number) == "IN_PROGRESS"
        north.report("1.1.0")
        north.waits(cloud, 121)
        north.hears_nothing()
    assert states(client, number) == {"north": "SUCCEEDED", "south": "CANCELED"}
    assert status(client, number) == "COMPLETED"


def test_a_schedule_outlives_the_server(tmp_path: Path) -> None:
    with LocalCloud(tmp_path) as cloud:
        cloud.add_device(PK, "north", SECRET)
        client = sdk(cloud)
        made = package(client)
        number = job(client, made, ScheduleTime=int((time.time() + 10 * MINUTE) * 1000))
    with LocalCloud(tmp_path) as cloud:
        assert status(sdk(cloud), number) == "PLANNED"
        with Member(cloud, "north") as north:
            north.hears_nothing()
            cloud.advance(10.1 * MINUTE)
            assert north.updates() == "1.1.0"
        assert status(sdk(cloud), number) == "COMPLETED"


def test_a_dynamic_batch_takes_devices_until_its_strategy_is_cancelled(
    cloud: LocalCloud, client: Client
) -> None:
    made = package(client)
    with Member(cloud, "north") as north:
        north.hears_nothing()
        number = job(client, made, "Dynamic", SrcVersion=["1.0.0"], DynamicMode=2)
        more = {"FirmwareId": made, "ProductKey": PK, "SrcVersion": ["1.0.0"]}
        assert "dynamic" in why(client, "CreateOTADynamicUpgradeJob", **more)
        assert states(client, number) == {}  # mode 2: not who has reported before
        north.report("1.0.0")
        assert north.updates() == "1.1.0"
        said = done(client, "QueryOTAJob", JobId=number)["Data"]
        told = (said["JobStatus"], said["SelectionType"], said["DynamicMode"])
        assert told == ("IN_PROGRESS", "DYNAMIC", 2)
        done(client, "CancelOTAStrategyByJob", JobId=number)
        assert status(client, number) == "CANCELED"
        with Member(cloud, "south") as south:
            south.hears_nothing()
        assert states(client, number) == {"north": "SUCCEEDED"}
    static = job(client, made)
    assert "dynamic" in why(client, "CancelOTAStrategyByJob", JobId=static)


def test_terms_that_the_platform_does_not_have_are_refused(
    cloud: LocalCloud, client: Client
) -> None:
    made = package(client)
    in_3_min = int((cloud.notes[-1].time + 3 * MINUTE) * 1000)
    for fields, told in (
        ({"TargetSelection": "SPECIFIC", "TargetDeviceName": ["nobody"]}, "device does not"),
        ({"TargetSelection": "SPECIFIC", "TargetDeviceName": ["north", "north"]}, "twice"),
        ({"TargetSelection": "SPECIFIC", "TargetDeviceName": ["x"] * 201}, "200"),
        ({"TargetSelection": "GRAY", "GrayPercent": "101"}, "GrayPercent"),
        ({"TargetSelection": "GROUP", "GroupId": "1"}, "groups"),
        ({"MaximumPerMinute": 9}, "MaximumPerMinute"),
        ({"TimeoutInMinutes": 1441}, "1440"),
        ({"RetryInterval": 10}, "RetryCount"),
        ({"RetryInterval": 60, "RetryCount": 1, "TimeoutInMinutes": 60}, "RetryInterval"),
        ({"RetryInterval": 11, "RetryCount": 1}, "11"),
        ({"OverwriteMode": 2, "MultiModuleMode": True}, "exclude"),
        ({"ScheduleTime": in_3_min}, "ScheduleTime"),
        ({"ScheduleFinishTime": in_3_min}, "ScheduleFinishTime"),
        ({"Tag": [{"Key": "a b", "Value": "x"}]}, "tag"),
        ({"SrcVersion": ["7.7"]}, "no device"),
    ):
        everyone = {"FirmwareId": made, "ProductKey": PK, "TargetSelection": "ALL"}
        assert told in why(client, "CreateOTAStaticUpgradeJob", **{**everyone, **fields})
    assert (
        done(client, "ListOTAJobByFirmware", FirmwareId=made, CurrentPage=1, PageSize=9)["Total"]
        == 0
    )


# --- differences ---


def test_a_differential_package_is_for_devices_of_its_source(
    cloud: LocalCloud, client: Client
) -> None:
    whole = package(client, "1.1.0", FirmwareUrl=uploaded(client, NEW))
    made = package(
        client,
        "1.1.0",
        FirmwareName="app-difference",
        Type=1,
        SrcVersion="1.0.0",
        FirmwareUrl=uploaded(client, difference(NEW, OLD)),
    )
    info = done(client, "QueryOTAFirmware", FirmwareId=made)["FirmwareInfo"]
    assert (info["Type"], info["SrcVersion"]) == (1, "1.0.0")
    with Member(cloud, "north") as north, Member(cloud, "south", "0.9.0") as south:
        south.hears_nothing()
        number = job(client, made)
        assert north.push()["isDiff"] == 1
        assert states(client, number) == {"north": "NOTIFIED"}
        done(
            client,
            "CancelOTATaskByDevice",
            FirmwareId=made,
            ProductKey=PK,
            DeviceName=["north"],
        )
        # The whole package is offered whole, also to a device that there is a difference for.
        job(client, whole, TargetSelection="SPECIFIC", TargetDeviceName=["north"])
        assert "isDiff" not in north.push()
        north.report("1.1.0")
        north.hears_nothing()
    versions = {"FirmwareId": made, "ProductKey": PK, "TargetSelection": "ALL"}
    assert "SrcVersion" in why(
        client, "CreateOTAStaticUpgradeJob", SrcVersion=["0.9.0"], **versions
    )
    assert "delete them first" in why(client, "DeleteOTAFirmware", FirmwareId=whole)
    done(client, "DeleteOTAFirmware", FirmwareId=made)
    done(client, "DeleteOTAFirmware", FirmwareId=whole)


# --- tasks ---


def test_tasks_wait_for_their_confirmation(cloud: LocalCloud, client: Client) -> None:
    made = package(client)
    with Member(cloud, "north") as north:
        north.hears_nothing()
        number = job(client, made, NeedConfirm=True)
        assert states(client, number, TaskStatus="CONFIRM").keys() == set(NAMES)
        answer = done(
            client,
            "ListOTATaskByJob",
            JobId=number,
            CurrentPage=1,
            PageSize=10,
            DeviceNames=["north"],
        )
        (task,) = answer["Data"]["SimpleOTATaskInfo"]
        done(client, "ConfirmOTATask", TaskId=[task["TaskId"]])
        assert north.pushed() == "1.1.0"
        assert "confirmation" in why(client, "ConfirmOTATask", TaskId=[task["TaskId"]])
        assert "does not exist" in why(client, "ConfirmOTATask", TaskId=["9999"])
    assert states(client, number, TaskStatus="NOTIFIED") == {"north": "NOTIFIED"}


def test_of_a_batch_those_are_cancelled_that_the_call_names(
    cloud: LocalCloud, client: Client
) -> None:
    made = package(client)
    with Member(cloud, "north") as north, Member(cloud, "south") as south:
        south.hears_nothing()
        number = job(client, made)
        assert north.pushed() == south.pushed() == "1.1.0"
        south.progress(10)
        south.hears_nothing()
        assert "None" in why(client, "CancelOTATaskByJob", JobId=number)
        done(client, "CancelOTATaskByJob", JobId=number, CancelQueuedTask=True)
        assert states(client, number) == {
            "east": "CANCELED",
            "west": "CANCELED",
            "north": "NOTIFIED",
            "south": "IN_PROGRESS",
        }
        both = {"CancelNotifiedTask": True, "CancelInProgressTask": True}
        done(client, "CancelOTATaskByJob", JobId=number, **both)
    assert set(states(client, number).values()) == {"CANCELED"}
    assert status(client, number) == "CANCELED"


def test_what_a_device_has_to_do_and_had_to_is_found(cloud: LocalCloud, client: Client) -> None:
    first, second = package(client), package(client, "1.2.0")
    with Member(cloud, "north") as north:
        north.hears_nothing()
        old = job(client, first, TargetSelection="SPECIFIC", TargetDeviceName=["north"])
        north.updates()
        new = job(client, second)
        north.pushed()
    device = {"ProductKey": PK, "DeviceName": "north"}
    (task,) = done(client, "ListOTAUnfinishedTaskByDevice", **device)["Data"]["SimpleOTATaskInfo"]
    assert (task["JobId"], task["FirmwareId"], task["TaskStatus"]) == (new, second, "NOTIFIED")
    for firmware, number in ((first, old), (second, new)):
        answer = done(
            client,
            "ListOTAJobByDevice",
            FirmwareId=firmware,
            CurrentPage=1,
            PageSize=10,
            **device,
        )
        assert [one["JobId"] for one in answer["Data"]["SimpleOTAJobInfo"]] == [number]
    answer = done(client, "ListOTAJobByFirmware", FirmwareId=first, CurrentPage=1, PageSize=10)
    assert [one["JobStatus"] for one in answer["Data"]["SimpleOTAJobInfo"]] == ["COMPLETED"]


# --- devices ---


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
