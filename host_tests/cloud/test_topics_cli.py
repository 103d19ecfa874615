"""topic listen and topic send: an application's own messages, seen and sent from a desk."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from host_tests.kit.member import Member
from host_tests.kit.platform_sdk import call
from host_tests.kit.raw_mqtt import DN, PK, SECRET
from tools.cloud import LocalCloud
from tools.cloud.__main__ import main
from tools.cloud.operator import messages
from tools.cloud.platform import place

OTHER = "roof_1"
OWN = f"/{PK}/{DN}/user/update"


def prepare(cloud: LocalCloud) -> None:
    for name in (DN, OTHER):
        cloud.add_device(PK, name, SECRET)


class Line:
    """The command line, in this process."""

    def __init__(self, cloud: LocalCloud, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = ["--folder", str(cloud.folder)]
        self.capsys = capsys

    def __call__(self, *words: str, code: int = 0) -> str:
        """What a command prints; its errors when it has to fail."""
        self.capsys.readouterr()
        assert main([*words, *self.folder]) == code
        said = self.capsys.readouterr()
        return said.err if code else said.out

    def json(self, *words: str) -> list[dict[str, Any]]:
        """Each line of a command with --json."""
        return [json.loads(one) for one in self(*words, "--json").splitlines()]


@pytest.fixture
def line(cloud: LocalCloud, capsys: pytest.CaptureFixture[str]) -> Line:
    return Line(cloud, capsys)


def test_what_applications_say_is_shown_and_updates_are_left_out(
    cloud: LocalCloud, line: Line
) -> None:
    with Member(cloud, DN) as device, Member(cloud, OTHER) as other:
        device.mqtt.publish(OWN, {"temperature": 21})
        device.hears_nothing()
        other.mqtt.publish(f"/{PK}/{OTHER}/user/picture", b"\x00\xff\x10")
        other.hears_nothing()
        first, second = line("topic", "listen", "--past", "--count", "2").splitlines()
        assert f"{PK}/{DN}  ->  {OWN}" in first
        assert '{"temperature": 21}' in first
        assert f"{PK}/{OTHER}  ->  /{PK}/{OTHER}/user/picture  3 bytes: 00 ff 10" in second
        (told,) = line.json("topic", "listen", "--past", "--count", "1", PK, OTHER)
        assert base64.b64decode(told["base64"]) == b"\x00\xff\x10"
        for wanted in ("update", "/+/+/user/update", f"/{PK}/#"):
            (told,) = line.json("topic", "listen", "--past", "--count", "1", "--topic", wanted)
            assert (told["topic"], told["direction"]) == (OWN, "up")
            assert json.loads(told["text"]) == {"temperature": 21}
        everything = line.json("topic", "listen", "--past", "--count", "4", "--all")
        assert f"/ota/device/inform/{PK}/{DN}" in [one["topic"] for one in everything]


def test_who_listens_to_nobody_that_is_known_is_told_so(
    cloud: LocalCloud,
    line: Line,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(messages, "_passing", lambda *_: iter([]))
    for words, noted in (
        ((), False),
        ((PK,), False),
        ((PK, DN), False),
        ((PK, DN[:-1]), True),
        ((PK[:-1],), True),
        (("nobody",), True),
    ):
        capsys.readouterr()
        assert main(["topic", "listen", *words, *line.folder]) == 0
        said = capsys.readouterr()
        assert said.out == ""
        note = (
            f"note: there is no device of {'/'.join(words)} yet. It is listened for all the same"
        )
        assert said.err.startswith(note) == noted
        assert bool(said.err) == noted


def test_a_message_reaches_the_application_that_listens_and_no_other(
    cloud: LocalCloud, line: Line
) -> None:
    with Member(cloud, DN) as device:
        assert device.mqtt.subscribe(f"/{PK}/{DN}/user/get") == [0]
        assert "5 bytes" in line("topic", "send", PK, DN, "get", "hello")
        assert device.mqtt.message() == (f"/{PK}/{DN}/user/get", b"hello")
        (told,) = line.json("topic", "listen", "--past", "--count", "1")
        assert (told["direction"], told["text"]) == ("down", "hello")
        said = line("topic", "send", PK, DN, "other", "hello", code=1)
        assert f"has not subscribed to /{PK}/{DN}/user/other" in said
        assert "is not signed in" in line("topic", "send", PK, OTHER, "get", "x", code=1)
        assert f"no device {PK}/nobody" in line("topic", "send", PK, "nobody", "get", "x", code=1)
        for topic in ("#", "a b", "", f"/{PK}/+/user/get"):
            assert "is no topic to send to" in line("topic", "send", PK, DN, topic, "x", code=1)
        device.hears_nothing()


def test_bytes_of_a_file_arrive_as_they_are_up_to_the_platforms_limit(
    cloud: LocalCloud, line: Line, tmp_path: Any
) -> None:
    file = tmp_path / "picture.bin"
    file.write_bytes(bytes(range(256)) * 1024)
    with Member(cloud, DN) as device:
        device.mqtt.subscribe(f"/{PK}/{DN}/user/picture")
        for at in ([], ["--at", "desk"]):
            line(*at, "topic", "send", PK, DN, "picture", "--file", str(file))
            assert device.mqtt.message()[1] == file.read_bytes()
        file.write_bytes(bytes(256 * 1024 + 1))
        said = line("topic", "send", PK, DN, "picture", "--file", str(file), code=1)
        assert "262145 bytes, and a message has 262144 at most" in said


def test_pub_by_the_platforms_sdk_reaches_one_device_or_all_that_listen(
    cloud: LocalCloud, client: Any
) -> None:
    def pub(topic: str, text: bytes = b"hello", **more: Any) -> dict[str, Any]:
        content = base64.b64encode(text).decode()
        return call(
            client, "Pub", ProductKey=PK, TopicFullName=topic, MessageContent=content, **more
        )

    with Member(cloud, DN) as device, Member(cloud, OTHER) as other:
        for one in (device, other):
            one.mqtt.subscribe(f"/{PK}/{one.name}/user/get", f"/broadcast/{PK}/all")
        said = pub(f"/{PK}/{DN}/user/get")
        assert said["Success"]
        assert said["MessageId"].isdecimal()
        assert device.mqtt.message() == (f"/{PK}/{DN}/user/get", b"hello")
        other.hears_nothing()
        assert pub(f"/broadcast/{PK}/all", b"both")["Success"]
        assert [one.mqtt.message()[1] for one in (device, other)] == [b"both", b"both"]
        # Taken, as on the platform, although nobody listens there.
        assert pub(f"/{PK}/{DN}/user/nothing")["Success"]
        device.hears_nothing()
    for topic, code in (
        (f"/{PK}/nobody/user/get", "iot.device.NotExistedDevice"),
        (f"/ota/device/upgrade/{PK}/{DN}", "iot.system.IllegalRequest"),
        (f"/{PK}/+/user/get", "iot.system.IllegalRequest"),
        (f"/{PK}/{DN}/get", "iot.system.IllegalRequest"),
    ):
        assert pub(topic)["Code"] == code


def test_at_the_platform_listening_is_refused_with_the_way_there(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(**config: Any) -> Any:
        raise AssertionError("nothing is asked of the platform")

    monkeypatch.setattr(place, "_client", nobody)
    said = line("--at", "cn-shanghai", "topic", "listen", code=1)
    assert "AMQP" in said
    assert "docs/real-platform.md" in said


def test_without_a_server_and_without_words_it_is_said(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, cause in (
        (["listen"], "no server runs in"),
        (["send", PK, DN, "get", "hello"], "no server runs in"),
        (["send", PK, DN, "get"], "say what to send"),
        (["listen", PK, DN, "more"], "more than a product key and a device name"),
    ):
        assert main(["topic", *words, "--folder", str(tmp_path)]) == 1
        assert cause in capsys.readouterr().err


@pytest.mark.parametrize("count", ["0", "-1", "some"])
def test_a_number_of_messages_that_never_ends_is_refused(
    line: Line, capsys: pytest.CaptureFixture[str], count: str
) -> None:
    with pytest.raises(SystemExit):
        line("topic", "listen", f"--count={count}")
    assert f"argument --count: '{count}' is no number of 1 or more" in capsys.readouterr().err
