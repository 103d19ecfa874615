"""A release whose file has gone from the folder: told before a device waits for it, and mended."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from host_tests.kit.raw_http import fetch
from host_tests.kit.raw_mqtt import DN, PK, online
from tools.cli import Refused
from tools.cloud import LocalCloud
from tools.cloud.operator.folder import CloudFolder
from tools.programs import CLOUD
from tools.release.pack import difference

OLD = bytes(range(256)) * 20
NEW = OLD[:3000] + b"more" + OLD[3000:]
DIFF = difference(NEW, OLD)


def released(cloud: LocalCloud) -> None:
    cloud.add_release(PK, "1.0.0", ("old.bin", OLD))
    cloud.add_release(PK, "1.1.0", ("new.bin", NEW))
    cloud.add_difference(PK, "1.1.0", ("from-1.0.0.alp", DIFF), "1.0.0")


@pytest.mark.parametrize("lost", ["new.bin", "from-1.0.0.alp"])
def test_no_device_is_sent_for_a_file_that_has_gone(
    cloud: LocalCloud, tmp_path: Path, lost: str, capsys: pytest.CaptureFixture[str]
) -> None:
    released(cloud)
    new = CloudFolder(tmp_path).book.release(PK, "default", "1.1.0")
    file = next(one for one in new.downloads if one.name == lost)
    (tmp_path / "files" / file.sha256).unlink()
    for verb in (["push", PK, DN], ["batch", PK]):
        assert CLOUD.main([*verb, "1.1.0", "--folder", str(tmp_path)]) == 1
        said = capsys.readouterr().err
        assert f"{lost} of 1.1.0 is gone from {tmp_path / 'files'}" in said
        assert "Add it once more" in said
    assert CloudFolder(tmp_path).store.tasks() == []
    released(cloud)  # as the advice says
    with online(cloud) as device:
        assert CLOUD.main(["push", PK, DN, "1.1.0", "--folder", str(tmp_path)]) == 0
        assert fetch(cloud, device.push()["data"]["url"]).body == DIFF


def test_a_difference_to_a_release_whose_file_has_gone_says_which(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    cloud.add_release(PK, "1.1.0", ("new.bin", NEW))
    next((tmp_path / "files").iterdir()).unlink()
    with pytest.raises(Refused, match=r"new\.bin of 1\.1\.0 is gone"):
        cloud.add_difference(PK, "1.1.0", ("d.alp", DIFF), "1.0.0")


def warnings(cloud: LocalCloud) -> list[str]:
    """What the operator reads of it."""
    return [one.text for one in cloud.notes if one.kind == "warning"]


@pytest.mark.parametrize("bent", [False, True])
def test_a_file_that_goes_after_the_push_is_a_404_and_tells_its_operator(
    cloud: LocalCloud, tmp_path: Path, bent: bool
) -> None:
    released(cloud)
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        link = device.push()["data"]["url"]
        assert fetch(cloud, link).status == 200
        assert warnings(cloud) == []
        for file in (tmp_path / "files").iterdir():
            file.unlink()
        cloud.faults.header_case = "lower" if bent else "title"
        assert fetch(cloud, link).status == 404
        assert fetch(cloud, link, range_="bytes=10-").status == 404
        assert fetch(cloud, link, method="HEAD").status == 404
    (told, *_) = warnings(cloud)
    assert f"from-1.0.0.alp of 1.1.0 is gone from {tmp_path / 'files'}" in told
    assert "Add it once more" in told
    assert cloud.downloads[-1].ended == "refused"


def test_a_block_of_a_file_that_goes_after_the_push_is_refused_and_tells_its_operator(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    cloud.add_release(PK, "1.1.0", ("new.bin", NEW))
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0", scheme="mqtt")
        stream = device.push()["data"]["streamId"]
        next((tmp_path / "files").iterdir()).unlink()
        topic = f"/sys/{PK}/{DN}/thing/file/download"
        assert device.subscribe(f"{topic}_reply") == [0]
        where = {"fileInfo": {"streamId": stream, "fileId": 1}}
        block = {"fileBlock": {"size": 256, "offset": 0}}
        device.publish(topic, json.dumps({"id": "1", "params": {**where, **block}}))
        (size,), answer = struct.unpack(">H", (said := device.message()[1])[:2]), said[2:]
        header = json.loads(answer[:size])
        assert (header["code"], header["data"]) == (500, {"bSize": 0})
        assert header["message"] == "the file is gone"
        device.publish(f"/sys/{PK}/{DN}/user/still/here", "yes")  # it was not thrown out
        cloud.wait_for(lambda: cloud.messages[-1].payload == b"yes", what="what it says next")
    (told,) = warnings(cloud)
    assert "new.bin of 1.1.0 is gone" in told
