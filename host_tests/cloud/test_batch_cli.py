"""Batches as a person types them, with a server running in another thread and without one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from host_tests.kit.raw_mqtt import DN, PK, online
from tools.cloud import LocalCloud
from tools.cloud.__main__ import main

Type = Callable[..., str]


@pytest.fixture
def type_(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Type:
    """Type a command: what it says, on stderr when it has to fail with `fails`."""

    def type_(*words: str, fails: int = 0) -> str:
        try:
            code = main([*words, "--folder", str(tmp_path)])
        except SystemExit as exc:
            # argparse: a wrong argument, or --help.
            code = int(exc.code or 0)
        told = capsys.readouterr()
        assert code == fails, told
        return told.err if fails else told.out

    return type_


def prepare(cloud: LocalCloud) -> None:
    cloud.add_device(PK, DN)
    cloud.add_device(PK, "south")
    cloud.add_release(PK, "1.1.0", b"image")


def test_a_batch_typed_beside_a_running_server_is_confirmed_pushed_and_cancelled(
    cloud: LocalCloud, type_: Type
) -> None:
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
        assert re.search(r"static +CANCELED", status)
        assert "2 CANCELED" in status
        assert "no batch 9" in type_("cancel", "9", fails=1)
        type_("push", PK, DN, "1.1.0")
        assert device.push()["data"]["version"] == "1.1.0"
        assert f"cancelled   {PK}/{DN} to 1.1.0" in type_("cancel", PK, DN)
        assert "no task to cancel" in type_("cancel", PK, DN, fails=1)
        assert "number" in type_("cancel", PK, fails=1)
        assert cloud.task(PK, DN, "1.1.0").state == "CANCELED"


def test_a_batch_without_a_server_is_kept_and_shown(tmp_path: Path, type_: Type) -> None:
    (tmp_path / "app.bin").write_bytes(b"image")
    type_("device", "add", PK, DN)
    type_("release", "add", PK, "1.1.0", str(tmp_path / "app.bin"), "--force")
    told = type_("batch", PK, "1.1.0", "--device", DN, "--retry-after-min", "10")
    assert "No server runs" in told
    assert "1 QUEUED" in told
    assert "1 QUEUED" in type_("status")
    assert "0, 10, 30" in type_("batch", PK, "1.1.0", "--retry-after-min", "5", fails=2)


def test_help_of_the_batch_commands_teaches_with_examples(type_: Type) -> None:
    for words in (["batch"], ["confirm"], ["cancel"]):
        assert "example" in type_(*words, "--help")


def test_who_had_something_else_to_do_is_named_with_the_way_on(
    cloud: LocalCloud, type_: Type
) -> None:
    for number in range(8):
        cloud.add_device(PK, f"roof_{number}")
    for version in ("1.2.0", "1.3.0"):
        cloud.add_release(PK, version, b"image" + version.encode())
    type_("push", PK, DN, "1.2.0")
    told = type_("batch", PK, "1.1.0", "--confirm")
    assert f"failed      {DN}: the device has not finished 1.2.0" in told
    assert "or cancel it with --override" in told
    assert "No device is told before you confirm it" in told
    told = type_("batch", PK, "1.3.0", "--confirm")
    assert re.search(
        r"failed +(\w+, ){4}\w+ and 4 more: the device has not finished 1\.1\.0", told
    )
    assert "No device is told before" not in told  # nobody is left to be told
    assert "failed" not in type_("batch", PK, "1.3.0", "--override")
