"""Packages of several files at the stand-in: the message, the links, the commands."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from host_tests.kit.cloud_commands import run
from host_tests.kit.raw_http import fetch
from host_tests.kit.raw_mqtt import DN, PK, SECRET, online
from tools.cli import Refused
from tools.cloud import LocalCloud

FILES = [("web.tar.gz", b"an archive" * 50), ("model.bin", b"a model" * 99), ("notes", b"words")]


def prepare(cloud: LocalCloud) -> None:
    cloud.faults.connects_per_minute = None
    cloud.add_device(PK, DN, SECRET)


@pytest.mark.parametrize("method", ["Md5", "SHA256"])
def test_several_files_are_offered_in_order_each_with_a_link_of_its_own(
    cloud: LocalCloud, method: str
) -> None:
    cloud.add_release(PK, "2", FILES, "assets", sign_method=method)
    with online(cloud, None) as device:
        device.report("1", module="assets")
        cloud.push(PK, DN, "2", module="assets")
        data = device.push()["data"]
        asked = device.query(module="assets")["data"]
    assert sorted(data) == ["files", "module", "signMethod", "version"]
    assert (data["version"], data["module"], data["signMethod"]) == ("2", "assets", method)
    for element, again, (name, body) in zip(data["files"], asked["files"], FILES, strict=True):
        digest = getattr(hashlib, method.lower())(body).hexdigest()
        assert element["fileName"] == name
        assert element["fileSize"] == len(body)
        assert element["fileSign"] == digest
        assert element.get("fileMd5") == (digest if method == "Md5" else None)
        assert fetch(cloud, element["fileUrl"]).body == body
        assert again["fileUrl"] != element["fileUrl"], "not a fresh one"
        assert fetch(cloud, again["fileUrl"], range_="bytes=3-").body == body[3:]
    assert [d.file for d in cloud.downloads[::2]] == [name for name, _ in FILES]


def test_a_link_to_one_file_cannot_be_edited_into_one_to_another(cloud: LocalCloud) -> None:
    cloud.add_release(PK, "2", FILES)
    with online(cloud) as device:
        cloud.push(PK, DN, "2")
        link = device.push()["data"]["files"][1]["fileUrl"]
    assert "/ota/1.1/" in link
    assert fetch(cloud, link.replace("/ota/1.1/", "/ota/1.2/")).status == 403
    assert fetch(cloud, link.replace("/ota/1.1/", "/ota/1/")).status == 403


def test_one_file_is_a_list_only_in_the_dialects_that_say_so(cloud: LocalCloud) -> None:
    cloud.add_release(PK, "2", FILES[:1])
    with online(cloud) as device:
        cloud.push(PK, DN, "2")
        assert "files" not in device.push()["data"]
        for dialect, keys in (
            ("file", {"fileName", "fileSize", "fileUrl", "fileSign", "fileMd5"}),
            ("plain", {"name", "size", "url", "sign", "md5"}),
        ):
            cloud.dialect.single_as_files = dialect
            cloud.repush(PK, DN, "2")
            data = device.push()["data"]
            (element,) = data["files"]
            assert set(element) == keys
            assert not {"url", "size", "sign", "md5"} & set(data)


def test_a_package_that_cannot_be_is_explained(cloud: LocalCloud) -> None:
    first = cloud.add_release(PK, "2", FILES)
    assert cloud.add_release(PK, "2", FILES) == first, "the same again is no other version"
    for package, said in (
        ([], "Use 1 to 20"),
        ([(f"f{n}", b"x") for n in range(21)], "Use 1 to 20"),
        ([("a", b"1"), ("a", b"2")], "one name"),
        ([("a", b"1"), ("b", b"")], "b is empty"),
    ):
        with pytest.raises(Refused, match=said):
            cloud.add_release(PK, "3", package)
    with pytest.raises(Refused, match="another 2"):
        cloud.add_release(PK, "2", FILES[:2])
    with pytest.raises(Refused, match="--module assets"):
        cloud.push(PK, DN, "9", module="assets")


def test_a_person_can_offer_several_files_with_the_commands(tmp_path: Path) -> None:
    folder = ("--folder", str(tmp_path / "cloud"))
    paths = []
    for name, body in FILES:
        (tmp_path / name).write_bytes(body)
        paths.append(str(tmp_path / name))
    run("device", "add", PK, DN, *folder)
    said = run("release", "add", PK, "2", *paths, "--module", "assets", *folder)
    for name, body in FILES:
        assert f"{len(body)} bytes, Md5 {hashlib.md5(body).hexdigest()} {name}" in said
    run("push", PK, DN, "2", "--module", "assets", *folder)
    assert "assets 2" in run("status", *folder)
    with LocalCloud(tmp_path / "cloud") as cloud:  # it outlives the program
        cloud.add_device(PK, DN, SECRET)
        with online(cloud, None) as device:
            device.report("1", module="assets")
            assert [f["fileName"] for f in device.push()["data"]["files"]] == [n for n, _ in FILES]
