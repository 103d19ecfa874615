"""Update packages by the API: each call through its unmodified SDK."""

from __future__ import annotations

import hashlib
from typing import Any

import requests
from alibabacloud_iot20180120.client import Client

from host_tests.kit.member import Member
from host_tests.kit.platform_sdk import (
    done,
    four_devices,
    job,
    package,
    states,
    status,
    uploaded,
    why,
)
from host_tests.kit.raw_mqtt import PK
from tools.cloud import LocalCloud
from tools.release.pack import difference

OLD = hashlib.shake_256(b"1.0.0").digest(9000)
NEW = OLD[:5000] + b"one more line" + OLD[5000:]


prepare = four_devices


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
