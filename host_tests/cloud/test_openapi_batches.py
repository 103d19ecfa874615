"""Update batches and tasks by the API: each call through its unmodified SDK."""

from __future__ import annotations

import time
from pathlib import Path

from alibabacloud_iot20180120.client import Client

from host_tests.kit.member import MINUTE, Member
from host_tests.kit.platform_sdk import (
    NAMES,
    done,
    four_devices,
    job,
    package,
    sdk,
    states,
    status,
    why,
)
from host_tests.kit.raw_mqtt import PK, SECRET
from tools.cloud import LocalCloud

HOUR = 60 * MINUTE


prepare = four_devices


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
