"""Differences at the stand-in: who is offered one, and who gets the whole package."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit.cloud_commands import run
from host_tests.kit.raw_http import fetch
from host_tests.kit.raw_mqtt import DN, PK, SECRET, RawDevice, online
from tools.cli import Refused
from tools.cloud import LocalCloud
from tools.release.pack import compress, difference
from tools.signing import new_key

OLD = hashlib.shake_256(b"1.0.0").digest(9000)
NEW = OLD[:5000] + b"one more line" + OLD[5000:]
NEWER = OLD[:5000] + b"another one" + OLD[5000:]
DIFF = difference(NEW, OLD)
ASK = f"/sys/{PK}/{DN}/thing/file/download"


def prepare(cloud: LocalCloud) -> None:
    cloud.faults.connects_per_minute = None
    cloud.add_device(PK, DN, SECRET)
    cloud.add_release(PK, "1.0.0", OLD)
    cloud.add_release(PK, "1.1.0", NEW)
    cloud.add_difference(PK, "1.1.0", ("from-1.0.0.alp", DIFF), "1.0.0")


def offered(cloud: LocalCloud, device: RawDevice, **push: Any) -> dict[str, Any]:
    cloud.push(PK, DN, "1.1.0", **push)
    data: dict[str, Any] = device.push()["data"]
    return data


def events(cloud: LocalCloud) -> list[str]:
    return [event.desc for event in cloud.task(PK, DN, "1.1.0").history]


def is_whole(cloud: LocalCloud, data: dict[str, Any]) -> None:
    assert "isDiff" not in data
    assert data["size"] == len(NEW)
    assert data["sign"] == hashlib.md5(NEW).hexdigest()
    assert fetch(cloud, data["url"]).body == NEW


@pytest.mark.parametrize("method", ["Md5", "SHA256"])
def test_a_device_of_the_source_version_is_offered_the_difference(
    cloud: LocalCloud, method: str
) -> None:
    cloud.add_release(PK, "1.2.0", NEWER, sign_method=method)
    package = difference(NEWER, OLD)
    cloud.add_difference(PK, "1.2.0", package, "1.0.0")
    with online(cloud) as device:
        cloud.push(PK, DN, "1.2.0")
        for data in (device.push()["data"], device.query()["data"]):
            assert data["isDiff"] == 1
            assert data["version"] == "1.2.0"
            assert data["size"] == len(package)
            assert data["signMethod"] == method
            assert data["sign"] == getattr(hashlib, method.lower())(package).hexdigest()
            assert fetch(cloud, data["url"]).body == package
    history = cloud.task(PK, DN, "1.2.0").history
    assert history[-1].desc == (
        f"answered a query: the difference from 1.0.0, {len(package)} bytes"
    )


@pytest.mark.parametrize("version", ["0.9.0", "1.0.1"])
def test_a_device_of_another_version_gets_the_whole_package(
    cloud: LocalCloud, version: str
) -> None:
    with online(cloud, version) as device:
        is_whole(cloud, offered(cloud, device))
    assert events(cloud)[-1] == "pushed"


def test_what_is_offered_follows_what_the_device_reports(cloud: LocalCloud) -> None:
    with online(cloud, "0.9.0") as device:
        is_whole(cloud, offered(cloud, device))
        device.report("1.0.0")
        assert device.push()["data"]["isDiff"] == 1
        device.report("0.9.0")
        is_whole(cloud, device.push()["data"])


def test_a_device_that_cannot_take_it_gets_the_whole_package_by_itself(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        assert offered(cloud, device)["isDiff"] == 1
        device.progress("0", "")
        device.progress("-1", "E99 wrong source")
        is_whole(cloud, device.push()["data"])
        is_whole(cloud, device.query()["data"])
        assert "E99 wrong source" in events(cloud)
        # And that is how it stays, also when it signs in again.
        device.report("1.0.0")
        is_whole(cloud, device.push()["data"])
        device.report("1.1.0")
        device.ping()
    task = cloud.task(PK, DN, "1.1.0")
    assert task.state == "SUCCEEDED"
    assert any("difference refused (E99 wrong source)" in note.text for note in cloud.notes)


def test_a_whole_package_that_is_refused_has_failed(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        offered(cloud, device)
        device.progress("-1", "no")
        is_whole(cloud, device.push()["data"])
        device.progress("-1", "no")
        device.ping()
    assert cloud.task(PK, DN, "1.1.0").state == "FAILED"


@pytest.mark.parametrize(("step", "desc"), [("-2", "no way"), ("-3", "damaged"), ("-4", "flash")])
def test_only_what_the_device_cannot_take_is_offered_again(
    cloud: LocalCloud, step: str, desc: str
) -> None:
    with online(cloud) as device:
        offered(cloud, device)
        device.progress(step, desc)
        device.ping()
    task = cloud.task(PK, DN, "1.1.0")
    assert (task.state, task.desc) == ("FAILED", desc)


def test_a_version_that_fails_on_trial_has_failed(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        offered(cloud, device)
        device.progress("100", "")
        device.progress("-1", "E70 trial-crashed")
        device.ping()
    assert cloud.task(PK, DN, "1.1.0").state == "FAILED"


def test_a_batch_mixes_both(cloud: LocalCloud) -> None:
    other = "greenhouse_08"
    cloud.add_device(PK, other, SECRET)
    with online(cloud) as device:
        cloud.batch(PK, "1.1.0")
        assert device.push()["data"]["isDiff"] == 1
    told = {task.device_name: task for task in cloud.batch_tasks(1)}
    assert told[DN].options["difference"] == "1.0.0"
    assert "difference" not in told[other].options


def test_a_difference_comes_in_blocks_too(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        device.subscribe(ASK + "_reply")
        data = offered(cloud, device, scheme="mqtt")
        assert (data["isDiff"], data["size"], data["dProtocol"]) == (1, len(DIFF), "mqtt")
        assert block(device, data, len(DIFF)) == (200, DIFF)
        device.progress("-1", "wrong source")
        whole = device.push()["data"]
        assert whole["streamId"] != data["streamId"]
        assert block(device, whole, 4096) == (200, NEW[:4096])
        # The difference is not to be had any more.
        assert block(device, data, len(DIFF))[0] == 500


def block(device: RawDevice, data: dict[str, Any], size: int) -> tuple[int, bytes]:
    info = {"streamId": data["streamId"], "fileId": data["streamFileId"]}
    params = {"fileInfo": info, "fileBlock": {"size": size, "offset": 0}}
    device.publish(ASK, json.dumps({"id": "7", "params": params}))
    _, payload = device.message()
    (head,) = struct.unpack(">H", payload[:2])
    code = json.loads(payload[2 : 2 + head])["code"]
    return code, payload[2 + head : -2]


def test_a_packed_file_is_a_package_like_any_other(cloud: LocalCloud) -> None:
    packed = compress(NEWER)
    cloud.add_release(PK, "1.2.0", packed)
    with online(cloud) as device:
        cloud.push(PK, DN, "1.2.0")
        data = device.push()["data"]
        assert "isDiff" not in data
        assert fetch(cloud, data["url"]).body == packed
    # A difference to it is one to the image in it.
    cloud.add_difference(PK, "1.2.0", difference(NEWER, NEW), "1.1.0")


def test_a_difference_is_signed_for_itself(cloud: LocalCloud, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    new_key(key)
    cloud.add_release(PK, "1.2.0", NEWER, sign_key=key)
    package = difference(NEWER, OLD)
    with pytest.raises(Refused, match=r"1\.2\.0 is signed, so this has to be"):
        cloud.add_difference(PK, "1.2.0", package, "1.0.0")
    cloud.add_difference(PK, "1.2.0", package, "1.0.0", sign_key=key)
    with online(cloud) as device:
        cloud.push(PK, DN, "1.2.0")
        of_difference = device.push()["data"]["digestsign"]
        device.report("0.9.0")
        of_whole = device.push()["data"]["digestsign"]
    assert len(of_difference) == len(of_whole) == 344
    assert of_difference != of_whole


@pytest.mark.parametrize(
    ("version", "package", "source", "why"),
    [
        ("1.1.0", NEW, "0.9.0", "this is no package"),
        ("1.1.0", compress(NEW), "0.9.0", "is packed, but no difference"),
        ("1.1.0", difference(NEWER, OLD), "0.9.0", r"does not make the 1\.1\.0 that is offered"),
        ("1.1.0", difference(NEW, NEWER), "1.0.0", "starts from another image"),
        ("1.1.0", DIFF[:-1], "1.0.0", "its stream is damaged: it ends early"),
        ("1.1.0", DIFF, "1.1.0", "to itself"),
        ("1.1.0", DIFF, "0.9.0", r"starts from 1\.0\.0, and not from 0\.9\.0"),
        ("1.1.0", difference(NEW, OLD, 12), "1.0.0", "already has another difference"),
        ("2.0.0", DIFF, "1.0.0", r"has no 2\.0\.0 .* It has 1\.1\.0, 1\.0\.0;"),
    ],
)
def test_what_would_not_make_the_release_is_refused(
    cloud: LocalCloud, version: str, package: bytes, source: str, why: str
) -> None:
    with pytest.raises(Refused, match=why):
        cloud.add_difference(PK, version, package, source)


@pytest.mark.parametrize(
    "broken",
    [DIFF[:-1], DIFF[:90], DIFF[:-20] + bytes([DIFF[-20] ^ 1]) + DIFF[-19:]],
    ids=["cut off", "hardly begun", "changed"],
)
def test_a_damaged_difference_never_takes_the_place_of_the_good_one(
    cloud: LocalCloud, broken: bytes
) -> None:
    # What it starts from was not offered here: nothing can be made of it to see.
    cloud.add_release("other", "2.0.0", NEW)
    with pytest.raises(Refused, match=r"^d\.alp: its stream is damaged"):
        cloud.add_difference("other", "2.0.0", ("d.alp", broken), "1.0.0")
    assert cloud.add_difference("other", "2.0.0", ("d.alp", DIFF), "1.0.0").differences


def test_the_same_difference_may_be_added_twice(cloud: LocalCloud) -> None:
    again = cloud.add_difference(PK, "1.1.0", ("other-name.alp", DIFF), "1.0.0")
    assert [one.source for one in again.differences] == ["1.0.0"]


def test_differences_are_kept_over_a_restart(tmp_path: Path) -> None:
    with LocalCloud(tmp_path) as cloud:
        cloud.add_device(PK, DN, SECRET)
        cloud.add_release(PK, "1.1.0", NEW)
        cloud.add_difference(PK, "1.1.0", DIFF, "1.0.0")
        cloud.push(PK, DN, "1.1.0")
    with LocalCloud(tmp_path) as cloud, online(cloud, None) as device:
        device.report("1.0.0")
        data = device.push()["data"]
        assert fetch(cloud, data["url"]).body == DIFF


def test_the_command_adds_a_difference(tmp_path: Path) -> None:
    for name, data in (("new.bin", NEW), ("old.bin", OLD), ("d.alp", DIFF), ("no.alp", NEWER)):
        (tmp_path / name).write_bytes(data)
    folder = ("--folder", str(tmp_path / "cloud"))
    for version, name in (("1.0.0", "old.bin"), ("1.1.0", "new.bin")):
        run("release", "add", PK, version, str(tmp_path / name), "--force", *folder)
    add = ("release", "add", PK, "1.1.0")
    out = run(*add, str(tmp_path / "d.alp"), "--from", "1.0.0", *folder)
    assert "difference  1.0.0 -> 1.1.0 of a1B2c3D4e5F, module default" in out
    assert f"size        {len(DIFF)} bytes, Md5 {hashlib.md5(DIFF).hexdigest()}" in out
    assert "note" not in out
    alone = ("--folder", str(tmp_path / "alone"))
    run("release", "add", PK, "1.1.0", str(tmp_path / "new.bin"), "--force", *alone)
    out = run(*add, str(tmp_path / "d.alp"), "--from", "1.0.0", *alone)
    assert "note        1.0.0 was not offered here" in out
    for words, why in (
        (("d.alp", "--sign-method", "SHA256"), "1.1.0 is with Md5"),
        (("no.alp",), "this is no package"),
    ):
        name, *more = words
        err = run(*add, str(tmp_path / name), "--from", "1.0.0", *more, *folder, fails=1)
        assert why in err
