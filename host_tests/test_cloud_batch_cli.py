"""Batches as a person types them, with a server running in another thread and without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.raw_mqtt import DN, PK, online
from host_tests.test_cloud_cli import run
from tools.cloud import LocalCloud
from tools.cloud.cli import main


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path) as cloud:
        cloud.add_device(PK, DN)
        cloud.add_device(PK, "south")
        cloud.add_release(PK, "1.1.0", b"image")
        yield cloud


def test_a_batch_typed_beside_a_running_server_is_confirmed_pushed_and_cancelled(
    cloud: LocalCloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ("--folder", str(tmp_path))

    def type_(*words: str, fails: int = 0) -> str:
        assert main([*words, *folder]) == fails
        told = capsys.readouterr()
        return told.err if fails else told.out

    secret = cloud.add_device(PK, DN).secret
    with online(cloud, secret=secret) as device:
        told = type_("batch", PK, "1.1.0", "--confirm", "--timeout-min", "60", "--rate", "10")
        assert "batch       1" in told
        assert "2 CONFIRM" in told
        assert "confirm 1" in told
        device.ping()
        assert "1 NOTIFIED" in type_("confirm", "1", DN)
        assert device.push()["data"]["version"] == "1.1.0"
        status = type_("status")
        assert "batches" in status
        assert "1 CONFIRM, 1 NOTIFIED" in status
        assert "nobody is not in batch 1" in type_("confirm", "1", "nobody", fails=1)
        assert "cancelled   1" in type_("cancel", "1", DN)
        assert "cancelled   1" in type_("cancel", "1")
        status = type_("status")
        assert "static, CANCELED" in status
        assert "2 CANCELED" in status
        assert "no batch 9" in type_("cancel", "9", fails=1)
        type_("push", PK, DN, "1.1.0")
        assert device.push()["data"]["version"] == "1.1.0"
        assert f"cancelled   {PK}/{DN} to 1.1.0" in type_("cancel", PK, DN)
        assert "no task to cancel" in type_("cancel", PK, DN, fails=1)
        assert "number" in type_("cancel", PK, fails=1)
        assert cloud.task(PK, DN, "1.1.0").state == "CANCELED"


def test_a_batch_without_a_server_is_kept_and_shown(tmp_path: Path) -> None:
    folder = ("--folder", str(tmp_path))
    (tmp_path / "app.bin").write_bytes(b"image")
    run("device", "add", PK, DN, *folder)
    run("release", "add", PK, "1.1.0", str(tmp_path / "app.bin"), *folder)
    told = run("batch", PK, "1.1.0", "--device", DN, "--retry-after-min", "10", *folder)
    assert "No server runs" in told
    assert "1 QUEUED" in told
    assert "1 QUEUED" in run("status", *folder)
    assert "0, 10, 30" in run("batch", PK, "1.1.0", "--retry-after-min", "5", *folder, fails=2)


def test_help_of_the_batch_commands_teaches_with_examples() -> None:
    for words in (["batch"], ["confirm"], ["cancel"]):
        assert "example" in run(*words, "--help")
