"""`cloud --at PLACE`: the platform's API by its verbs, here at the stand-in, through the SDK."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_credentials.utils import auth_util

from host_tests.kit.member import Member
from host_tests.kit.raw_mqtt import PK, SECRET
from tools.cloud import LocalCloud
from tools.cloud.__main__ import main
from tools.cloud.platform import batches, place, watching
from tools.cloud.platform.api import Api, NoAnswer
from tools.release.pack import difference

NAMES = ("east", "north", "south", "west")


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path / "cloud") as cloud:
        cloud.faults.connects_per_minute = None
        for name in NAMES:
            cloud.add_device(PK, name, SECRET)
        yield cloud


class Line:
    """The command line, in this process."""

    def __init__(self, cloud: LocalCloud, capsys: pytest.CaptureFixture[str]) -> None:
        self.cloud = cloud
        self.capsys = capsys

    def __call__(self, *words: str, code: int = 0, at: str = "desk") -> str:
        """What a command prints; its errors when it fails."""
        self.capsys.readouterr()
        folder = ["--folder", str(self.cloud.folder)]
        assert main(["--at", at, *words, *folder]) == code, self.capsys.readouterr()
        said = self.capsys.readouterr()
        return said.err if code and not said.out else said.out

    def json(self, *words: str, code: int = 0) -> Any:
        """The last line that a command prints with --json, read."""
        return json.loads(self(*words, "--json", code=code).splitlines()[-1])


@pytest.fixture
def line(cloud: LocalCloud, capsys: pytest.CaptureFixture[str]) -> Line:
    return Line(cloud, capsys)


def file(tmp_path: Path, name: str, content: bytes) -> str:
    (tmp_path / name).write_bytes(content)
    return str(tmp_path / name)


def test_from_a_file_to_every_device_of_the_product(
    cloud: LocalCloud, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """publish, verify, start, watch: the devices act whenever the command pauses."""
    fleet = {name: Member(cloud, name) for name in NAMES}
    for member in fleet.values():
        member.hears_nothing()

    def act(seconds: float) -> None:
        for task in cloud.tasks("NOTIFIED"):
            fleet[task.device_name].updates()

    monkeypatch.setattr(watching.watch, "__defaults__", (act,))
    image = b"an image" * 100_000
    made = line.json(
        "release", "publish", PK, "1.1.0", file(tmp_path, "app.bin", image), "--force"
    )
    assert made["size"] == len(image)
    assert "verified" in line("rollout", "start", PK, "1.1.0", code=1)
    told = line("release", "verify", PK, "1.1.0", "north").splitlines()
    assert told[-1] == "COMPLETED  1 SUCCEEDED"
    assert line.json("release", "list", PK)[0]["verification"] == "verified"
    job = line.json("rollout", "start", PK, "1.1.0", "--rate", "10", "--timeout-min", "60")["job"]
    told = line("rollout", "watch", job).splitlines()
    assert told == ["IN_PROGRESS  3 NOTIFIED", "COMPLETED  3 SUCCEEDED"]
    assert cloud.version(PK, "west") == "1.1.0"
    batches = line.json("rollout", "list", PK, "1.1.0")
    assert [one["kind"] for one in batches] == ["static", "verification"]
    history = line.json("device", "history", PK, "west")
    assert [(one["version"], one["state"]) for one in history] == [("1.1.0", "SUCCEEDED")]
    for member in fleet.values():
        member.mqtt.sock.close()


def test_a_failure_is_an_exit_code_and_a_reason(
    cloud: LocalCloud, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Member(cloud, "north") as north:
        north.hears_nothing()
        monkeypatch.setattr(watching.watch, "__defaults__", (lambda seconds: north.fails(),))
        line("release", "publish", PK, "1.1.0", file(tmp_path, "app.bin", b"bad"), "--force")
        told = line("release", "verify", PK, "1.1.0", "north", code=1)
    assert told.splitlines()[-1] == "north  FAILED  told"
    assert line.json("release", "list", PK)[0]["verification"] == "failed"


def test_who_watches_waits_when_there_is_no_answer_for_a_while(
    cloud: LocalCloud, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = file(tmp_path, "app.bin", b"x")
    line("release", "publish", PK, "1.1.0", image, "--no-verify", "--force")
    with Member(cloud, "north") as north:
        north.hears_nothing()
        job = line.json("rollout", "start", PK, "1.1.0", "--device", "north")["job"]
        plain, asked = batches.batch, [0]

        def batch(api: Api, number: str) -> Any:
            asked[0] += 1
            if asked[0] == 2:
                raise NoAnswer("it cannot be reached", "Wait.")
            return plain(api, number)

        def act(seconds: float) -> None:
            if asked[0] == 2:
                north.updates()

        monkeypatch.setattr(batches, "batch", batch)
        monkeypatch.setattr(watching.watch, "__defaults__", (act,))
        assert line("rollout", "watch", job).splitlines()[-1] == "COMPLETED  1 SUCCEEDED"
    assert asked[0] == 3


def test_packages_of_several_files_of_modules_and_differences_are_published(
    cloud: LocalCloud, line: Line, tmp_path: Path
) -> None:
    files = [file(tmp_path, "page.tar.gz", b"page"), file(tmp_path, "t.bin", b"table")]
    publish = ("release", "publish", PK)
    assert "--new-module" in line(*publish, "7", *files, "--module", "assets", code=1)
    line(*publish, "7", *files, "--module", "assets", "--new-module", "--no-verify")
    old = bytes(range(256)) * 40
    new = old[:5000] + b"one more line" + old[5000:]
    line(*publish, "1.0.0", file(tmp_path, "old.bin", old), "--no-verify", "--force")
    line(*publish, "1.1.0", file(tmp_path, "new.bin", new), "--sign-method", "SHA256", "--force")
    small = file(tmp_path, "small.alp", difference(new, old))
    line(*publish, "1.1.0", small, "--from", "1.0.0")
    rows = line.json("release", "list", PK)
    assert {(one["version"], one["from"]) for one in rows} == {
        ("7", None),
        ("1.1.0", "1.0.0"),
        ("1.1.0", None),
        ("1.0.0", None),
    }
    line("release", "remove", PK, "1.1.0", "--from", "1.0.0", "--yes")
    line("release", "remove", PK, "1.1.0", "--yes")
    assert "no package 1.1.0" in line("release", "remove", PK, "1.1.0", code=1)


def test_what_cannot_be_a_package_is_refused_before_it_travels(
    cloud: LocalCloud, line: Line, tmp_path: Path
) -> None:
    publish = ("release", "publish", PK, "1.1.0")
    good = file(tmp_path, "app.bin", b"x")
    (tmp_path / "more").mkdir()
    same = file(tmp_path, "more/app.bin", b"y")
    for words, told in (
        ([file(tmp_path, "empty.bin", b"")], "0 bytes"),
        ([str(tmp_path)], "a folder"),
        ([str(tmp_path / "absent")], "No such file"),
        ([good] * 21, "21 files"),
        ([good, same], "one name"),
        ([good, file(tmp_path, "x" * 33, b"z")], "too long"),
        ([good, file(tmp_path, "b.bin", b"z"), "--from", "1.0.0"], "differential"),
    ):
        assert told in line(*publish, *words, code=1)
    assert not [note for note in cloud.notes if note.kind == "api"]


def test_a_batch_is_confirmed_cancelled_and_told_of(
    cloud: LocalCloud, line: Line, tmp_path: Path
) -> None:
    line(
        "release", "publish", PK, "1.1.0", file(tmp_path, "a.bin", b"x"), "--no-verify", "--force"
    )
    with Member(cloud, "north") as north:
        north.hears_nothing()
        start = ("rollout", "start", PK, "1.1.0", "--confirm", "--tag", "lot=7")
        job = line.json(*start)["job"]
        assert line.json("rollout", "confirm", job, "north") == {"confirmed": 1}
        assert north.push()["extData"] == {"lot": "7"}
        states = {one["device"]: one["state"] for one in line.json("task", "list", job)}
        assert states["north"] == "NOTIFIED"
        assert line.json("task", "list", job, "--state", "NOTIFIED")[0]["device"] == "north"
        north.progress(40)
        north.hears_nothing()
        (told,) = [one for one in line("task", "list", job).splitlines() if "north" in one]
        assert told.split()[:3] == ["north", "IN_PROGRESS", "40"]
        assert line.json("rollout", "cancel", job, "east") == {"cancelled": 1}
        assert line.json("rollout", "cancel", job) == {"cancelled": 2}
        assert line.json("rollout", "cancel", job, "--in-progress") == {"cancelled": 1}
    dynamic = ("rollout", "start", PK, "1.1.0", "--dynamic", "--source", "1.0.0", "--later")
    job = line.json(*dynamic)["job"]
    line("rollout", "cancel", job, code=0)
    assert line.json("rollout", "list", PK, "1.1.0")[0]["state"] == "CANCELED"
    assert "exclude" in line(*start, "--device", "north", "--percent", "5", code=1)
    assert "no value" in line(*start, "--tag", "lot", code=1)


def test_every_term_that_is_typed_is_in_the_call_and_is_kept(
    cloud: LocalCloud, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: dict[str, dict[str, Any]] = {}
    plain = Api.call

    def heard(self: Api, action: str, **fields: Any) -> dict[str, Any]:
        calls[action] = fields
        return plain(self, action, **fields)

    monkeypatch.setattr(Api, "call", heard)
    image = file(tmp_path, "a.bin", b"x")
    line("release", "publish", PK, "1.1.0", image, "--no-verify", "--force")
    with Member(cloud, "north") as north:
        north.hears_nothing()  # it has reported 1.0.0
        terms = (
            *("--source", "1.0.0", "--rate", "20", "--timeout-min", "90"),
            *("--retry-after-min", "10", "--retry-times", "2", "--confirm", "--no-push"),
            *("--override", "--over", "mqtt", "--begin-in-min", "30", "--end-after-h", "2"),
        )
        job = line.json("rollout", "start", PK, "1.1.0", *terms)["job"]
    asked = calls["CreateOTAStaticUpgradeJob"]
    wanted = {
        "SrcVersion": ["1.0.0"],
        "MaximumPerMinute": 20,
        "TimeoutInMinutes": 90,
        "RetryInterval": 10,
        "RetryCount": 2,
        "NeedConfirm": True,
        "NeedPush": False,
        "OverwriteMode": 2,
        "DownloadProtocol": "MQTT",
        "TargetSelection": "ALL",
    }
    assert {name: asked[name] for name in wanted} == wanted
    assert asked["ScheduleFinishTime"] - asked["ScheduleTime"] == 2 * 3600 * 1000
    (listed,) = line.json("rollout", "list", PK, "1.1.0")
    assert (listed["job"], listed["state"]) == (job, "PLANNED")


def test_devices_are_told_without_boxes_and_without_secrets(cloud: LocalCloud, line: Line) -> None:
    with Member(cloud, "north") as north:
        north.hears_nothing()
        assert line("device", "list", PK).splitlines() == [
            "east   UNACTIVE",
            "north  ONLINE",
            "south  UNACTIVE",
            "west   UNACTIVE",
        ]
        assert line.json("device", "list", PK, "--status", "ONLINE") == [
            {"device": "north", "status": "ONLINE"}
        ]
        status = line.json("device", "status", PK, "north")
        assert (status["status"], status["version"]) == ("ONLINE", "1.0.0")
        assert line("device", "versions", PK, "north") == "default  1.0.0\n"
    assert "device list" in line("device", "status", PK, "nobody", code=1)
    assert "product key" in line("device", "list", "nobody", code=1)


# --- places and keys ---


def environment(monkeypatch: pytest.MonkeyPatch, id: str | None, secret: str | None) -> None:
    """ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET, as the SDK has read them when it was imported."""
    monkeypatch.setattr(auth_util, "environment_access_key_id", id)
    monkeypatch.setattr(auth_util, "environment_access_key_secret", secret)


def test_without_a_server_a_region_or_a_key_it_is_said_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment(monkeypatch, None, None)
    monkeypatch.setenv("HOME", str(tmp_path))
    for at, told in (
        ("desk", "serve"),
        ("Moon", "cn-shanghai"),
        ("", "cn-shanghai"),
        ("cn-shanghai", "ALIBABA_CLOUD_ACCESS_KEY_ID"),
    ):
        folder = ["--folder", str(tmp_path)]
        assert main(["--at", at, "device", "list", PK, *folder]) == 1
        assert told in capsys.readouterr().err
    assert main(["--at"]) == 2


def test_at_a_region_the_key_comes_from_the_environment_and_the_instance_is_named(
    cloud: LocalCloud, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The region's address is the stand-in's here; all else is as at the platform."""
    asked: list[str] = []
    plain_client, plain_call = place._client, Api._made

    def client(**config: Any) -> Any:
        asked.append(config["region_id"])
        endpoint = f"127.0.0.1:{cloud.http_port}"
        return plain_client(**config, endpoint=endpoint, protocol="http")

    def made(self: Api, action: str, method: Any, request: Any) -> Any:
        asked.append(request.iot_instance_id)
        return plain_call(self, action, method, request)

    monkeypatch.setattr(place, "_client", client)
    monkeypatch.setattr(Api, "_made", made)
    environment(monkeypatch, cloud.access_key.id, cloud.access_key.secret)
    assert "east" in line("device", "list", PK, at="cn-shanghai/iot-1")
    assert asked == ["cn-shanghai", "iot-1"]
    environment(monkeypatch, cloud.access_key.id, "wrong")
    told = line("device", "list", PK, at="cn-shanghai", code=1)
    assert "ALIBABA_CLOUD_ACCESS_KEY_SECRET" in told
    assert "wrong" not in told
    assert cloud.access_key.secret not in told


def test_a_call_that_came_too_fast_is_made_again(cloud: LocalCloud) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        cloud.advance(seconds)

    options = argparse.Namespace(at="desk", folder=cloud.folder)
    api = place.connect(options)
    api._pause = pause
    clock = cloud._program.clock
    now = clock.monotonic()
    clock.monotonic = lambda: now + len(pauses)  # type: ignore[method-assign]
    for _ in range(12):
        api.call("ListOTAModuleByProduct", ProductKey=PK)
    assert pauses == [1.0]


def test_the_key_is_told_by_one_command(
    cloud: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["key", "--folder", str(cloud.folder)]) == 0
    key = cloud.access_key
    assert capsys.readouterr().out == (
        f"export ALIBABA_CLOUD_ACCESS_KEY_ID={key.id}\n"
        f"export ALIBABA_CLOUD_ACCESS_KEY_SECRET={key.secret}\n"
    )


@pytest.mark.parametrize("listen", ["0.0.0.0", "127.0.0.2"])
def test_a_stand_in_that_listens_elsewhere_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], listen: str
) -> None:
    """Also uploads go there, and not by the name that only the boards know."""
    with LocalCloud(tmp_path, listen=listen, public="the-desk.example") as cloud:
        cloud.add_device(PK, "north", SECRET)
        folder = ["--folder", str(tmp_path)]
        words = ["release", "publish", PK, "1.1.0", file(tmp_path, "app.bin", b"x"), "--force"]
        assert main(["--at", "desk", *words, *folder]) == 0, capsys.readouterr()


def test_packages_of_two_products_have_names_of_their_own(
    cloud: LocalCloud, line: Line, tmp_path: Path
) -> None:
    cloud.add_device("another", "north", SECRET)
    image = file(tmp_path, "app.bin", b"x")
    names = [
        line.json("release", "publish", product, version, image, "--force")["name"]
        for product in (PK, "another")
        for version in ("1.1.0", "1.1.0-" + "x" * 40, "1.1.0-" + "x" * 41)
    ]
    assert len(set(names)) == 6
    assert max(map(len, names)) <= 40
