"""`push --wait`: a script, or a person, that goes on when the update is there, and only then."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from host_tests.kit.cloud_commands import run, running
from host_tests.kit.member import Member
from host_tests.kit.raw_mqtt import DN, PK
from host_tests.kit.tasks import one_version
from host_tests.kit.terminal import AtTerminal
from tools.cloud import LocalCloud

PUSH = ("push", PK, DN, "1.1.0", "--wait")


def prepare(cloud: LocalCloud) -> None:
    cloud.faults.lift_limits()
    one_version(cloud)


def pushing(folder: Path, *words: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """A push that waits, in a process of its own."""
    return running(*PUSH, *words, "--folder", str(folder))


def test_it_ends_well_with_the_report_of_the_new_version(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    with Member(cloud, DN) as device, pushing(tmp_path) as process:
        assert device.pushed() == "1.1.0"
        assert process.stdout is not None
        assert process.stdout.readline() == "NOTIFIED\n"
        device.progress(42)
        assert process.stdout.readline() == "IN_PROGRESS    42  told\n"
        device.report("1.1.0")
        out, err = process.communicate()
        assert (process.returncode, err) == (0, "")
        assert out == "SUCCEEDED    42  the device reports 1.1.0\n"


def test_for_programs_each_change_is_the_whole_task(cloud: LocalCloud, tmp_path: Path) -> None:
    with Member(cloud, DN) as device, pushing(tmp_path, "--json") as process:
        device.pushed()
        device.says(f"/ota/device/progress/{PK}/{DN}", step="-1", desc="E66 too-large: no room")
        out, err = process.communicate()
    told = [json.loads(line) for line in out.splitlines()]
    assert {one["device"] for one in told} == {DN}
    assert [one["state"] for one in told][-1] == "FAILED"
    assert told[-1]["why"] == "E66 too-large: no room"
    assert process.returncode == 1
    said = json.loads(err)
    assert said["error"] == f"{PK}/{DN} to 1.1.0 FAILED: E66 too-large: no room"
    assert "task history 1" in said["advice"]


@pytest.mark.parametrize(
    ("ending", "advice"),
    [
        (lambda cloud, device: device.fails(), "told. What it means: docs/troubleshooting.md"),
        (lambda cloud, device: (device.progress(10), device.report("0.9")), "flash.py status"),
        (lambda cloud, device: cloud.cancel(PK, DN, "1.1.0"), "Push again"),
    ],
    ids=["failed", "another version", "cancelled"],
)
def test_a_failure_is_exit_code_1_with_the_reason_and_what_to_do(
    cloud: LocalCloud, tmp_path: Path, ending: object, advice: str
) -> None:
    assert callable(ending)
    with Member(cloud, DN) as device, pushing(tmp_path) as process:
        cloud.wait_for(lambda: cloud.tasks("NOTIFIED"), what="the push")
        ending(cloud, device)
        _, err = process.communicate()
    assert process.returncode == 1
    assert err.startswith(f"cloud: {PK}/{DN} to 1.1.0 ")
    assert advice in err
    assert err.count("\n") == 1


def test_a_time_out_is_an_exit_code_of_its_own_and_the_task_goes_on(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    folder = ("--folder", str(tmp_path))
    told = run(*PUSH, "--timeout", "0", *folder, fails=4)  # offline: nobody does it
    assert "not finished after 0 s: QUEUED; the task goes on" in told
    assert cloud.task(PK, DN, "1.1.0").state == "QUEUED"
    assert "--wait" in run("push", PK, DN, "1.1.0", "--timeout", "9", *folder, fails=1)


def test_ctrl_c_is_130_and_the_task_goes_on(cloud: LocalCloud, tmp_path: Path) -> None:
    with pushing(tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "QUEUED\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert (process.returncode, err) == (130, "cloud: stopped by Ctrl-C; the task goes on\n")
    assert cloud.task(PK, DN, "1.1.0").state == "QUEUED"


def test_without_a_server_nothing_is_begun_that_nobody_would_do(tmp_path: Path) -> None:
    folder = ("--folder", str(tmp_path))
    run("device", "add", PK, DN, *folder)
    (tmp_path / "x").write_bytes(b"image")
    run("release", "add", PK, "1.1.0", str(tmp_path / "x"), "--force", *folder)
    assert "serve --folder" in run(*PUSH, *folder, fails=1)
    assert "QUEUED" not in run("status", *folder)


def test_on_a_terminal_it_is_a_bar_and_then_a_line(cloud: LocalCloud, tmp_path: Path) -> None:
    words = ["tools.cloud", *PUSH, "--folder", str(tmp_path)]
    with Member(cloud, DN) as device, AtTerminal(words) as terminal:
        device.pushed()
        device.progress(42)
        terminal.waits(lambda said: " 42 %" in said and "IN_PROGRESS" in said)
        device.report("1.1.0")
        assert terminal.ends() == 0
        last = terminal.said.rstrip().rpartition("\r")[2]
        assert "\x1b[32mSUCCEEDED\x1b[0m" in last, os.linesep


@pytest.mark.parametrize("said", ["nan", "-1", "inf", "soon"])
def test_a_time_that_never_comes_is_refused_before_anything_is_changed(
    cloud: LocalCloud, tmp_path: Path, said: str
) -> None:
    said_of_it = run(*PUSH, "--override", "--timeout", said, "--folder", str(tmp_path), fails=2)
    assert f"{said} is no number of seconds" in said_of_it
    assert cloud.tasks("QUEUED") == []


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["told", "as json"])
def test_who_waits_is_told_that_the_server_has_gone_and_waits_on(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    folder = tmp_path / "my cloud"
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(LocalCloud(folder))
        prepare(first)
        process = stack.enter_context(pushing(folder, *more))
        assert process.stdout is not None
        assert process.stderr is not None
        assert "QUEUED" in process.stdout.readline()
        first.close()
        told = process.stderr.readline()
        assert f"no server runs in {folder} any more" in told
        assert f"serve --folder '{folder}'" in told
        with LocalCloud(folder) as cloud, Member(cloud, DN) as device:
            device.pushed()
            device.report("1.1.0")
            assert "SUCCEEDED" in process.communicate()[0]
        assert process.returncode == 0


def test_a_server_that_runs_is_not_said_to_have_gone(cloud: LocalCloud, tmp_path: Path) -> None:
    with pushing(tmp_path) as process:
        asked = cloud.questions
        cloud.wait_for(lambda: cloud.questions > asked + 3, what="looks after the server")
        with Member(cloud, DN) as device:
            device.pushed()
            device.report("1.1.0")
            out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert "SUCCEEDED" in out
