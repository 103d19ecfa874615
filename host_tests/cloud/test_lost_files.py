"""A release whose file has gone from the folder: told before a device waits for it, and mended."""

from __future__ import annotations

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
