"""What slips of the person at the keys would cost, and what the commands say instead."""

from __future__ import annotations

import json
import shlex
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from host_tests.kit import firmware_files
from host_tests.kit.answers import Answers
from host_tests.kit.images import make_image
from host_tests.kit.raw_mqtt import DN, PK, SECRET, RawDevice, connect_packet, online
from tools.cli import Refused
from tools.cloud import LocalCloud
from tools.cloud.identity import Identity
from tools.cloud.operator.addresses import addresses
from tools.cloud.operator.folder import CloudFolder
from tools.cloud.operator.verbs import serve
from tools.images.build import build_image
from tools.programs import CLOUD
from tools.programs import cloud as main
from tools.release.pack import compress, difference

Typed = Callable[..., str]


@pytest.fixture
def type_(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Type a command; what it says, on stderr where it fails or `err` says so."""

    def typed(*words: str, code: int = 0, err: bool = False) -> str:
        assert main([*words, "--folder", str(tmp_path / "cloud")]) == code
        said = capsys.readouterr()
        return said.err if code or err else said.out

    return typed


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An image with an application, version 1.0.0."""
    app = tmp_path_factory.mktemp("app")
    (app / "main.py").write_text("print(1)\n")
    return build_image(make_image(65536), app, "1.0.0")


def test_a_file_that_no_board_could_run_is_not_offered_to_boards(
    tmp_path: Path, type_: Typed, release: bytes
) -> None:
    damaged = bytearray(release)
    damaged[5000] ^= 1
    files: tuple[tuple[str, bytes, str, bool], ...] = (
        ("README.md", b"# A fine project\n", "is no image that an ESP32 could start", True),
        ("merged.bin", firmware_files.merged(), "for a cable, and no board", False),
        ("stock.bin", firmware_files.app(), "is a firmware without an application", True),
        ("damaged.bin", bytes(damaged), "is damaged", False),
        ("cut.bin", release[:40000], "is damaged", False),
        ("begun.bin", release[:20], "is damaged", False),
        ("other.bin", release, "is version 1.0.0 inside", True),
        ("other.alp", compress(release), "is version 1.0.0 inside", True),
    )
    for number, (name, data, why, odd) in enumerate(files):
        path = tmp_path / name
        path.write_bytes(data)
        add = ("release", "add", PK, f"1.1.{number}", str(path))
        said = type_(*add, code=1)
        assert str(path) in said
        assert why in said
        assert ("--force" in said) == odd
        assert "with --firmware" not in said, "this command has no such option"
        type_(*add, "--force", code=0 if odd else 1)


def test_a_release_is_offered_plain_and_packed_and_a_module_may_be_anything(
    tmp_path: Path, type_: Typed, release: bytes
) -> None:
    (tmp_path / "a.bin").write_bytes(release)
    (tmp_path / "a.alp").write_bytes(compress(release))
    assert "1.0.0 of" in type_("release", "add", PK, "1.0.0", str(tmp_path / "a.bin"))
    assert "1.0.0 of" in type_("release", "add", "other", "1.0.0", str(tmp_path / "a.alp"))
    (tmp_path / "README.md").write_text("# Fine\n")
    words = ("release", "add", PK, "7", str(tmp_path / "README.md"), "--module", "assets")
    assert "module assets" in type_(*words)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Another application."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "main.py").write_text("print(2)\n")
    return app


def test_a_difference_is_not_offered_to_everybody(
    tmp_path: Path, app: Path, type_: Typed, release: bytes
) -> None:
    new = build_image(make_image(65536), app, "1.1.0")
    (tmp_path / "d.alp").write_bytes(difference(new, release))
    add = ("release", "add", PK, "1.1.0", str(tmp_path / "d.alp"))
    for more in ((), ("--force",)):
        assert "Offer it with --from" in type_(*add, *more, code=1)


def test_a_package_is_not_offered_to_boards_that_were_built_without_packages(
    tmp_path: Path, app: Path, type_: Typed, release: bytes
) -> None:
    without = build_image(make_image(65536), app, "0.9.0", features={"blocks"})
    new = build_image(make_image(65536), app, "1.1.0")
    for name, data in (
        ("0.9.0.bin", without),
        ("1.0.0.bin", release),
        ("1.1.0.bin", compress(new)),
        ("a.alp", difference(new, without)),
        ("b.alp", difference(new, release)),
    ):
        (tmp_path / name).write_bytes(data)
    for version in ("0.9.0", "1.0.0", "1.1.0"):
        type_("release", "add", PK, version, str(tmp_path / f"{version}.bin"))
    add = ("release", "add", PK, "1.1.0")
    said = type_(*add, str(tmp_path / "a.alp"), "--from", "0.9.0", code=1)
    assert "0.9.0 was built without packages" in said
    assert "1.0.0 -> 1.1.0" in type_(*add, str(tmp_path / "b.alp"), "--from", "1.0.0")
    # And all of 1.1.0 is packed: who cannot take that is told before anything is pushed.
    type_("device", "add", PK, DN)
    folder = CloudFolder(tmp_path / "cloud")
    folder.store.set_version(Identity(PK, DN), "default", "0.9.0", 0)
    said = type_("push", PK, DN, "1.1.0", code=1)
    assert "runs 0.9.0, which was built without packages, and 1.1.0 is offered as one" in said
    folder.store.set_version(Identity(PK, DN), "default", "1.0.0", 0)
    assert "to 1.1.0, QUEUED" in type_("push", PK, DN, "1.1.0")


def test_adding_a_device_again_leaves_its_board_its_secret(
    tmp_path: Path, type_: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def signs_in(secret: str) -> bool:
        with LocalCloud(tmp_path / "cloud") as cloud, RawDevice(cloud) as device:
            return device.connect(secret=secret) == 0

    def secret_in(text: str) -> str:
        return text.split("secret", 1)[1].split()[0]

    first = secret_in(type_("device", "add", PK, DN))
    assert "--new-secret" in type_("device", "add", PK, DN, code=1)
    assert signs_in(first)
    for answer in ("\n", "no\n"):
        monkeypatch.setattr("sys.stdin", Answers(answer))
        assert "keeps its secret" in type_("device", "add", PK, DN, code=1)
    assert signs_in(first)
    monkeypatch.setattr("sys.stdin", Answers("y\n"))
    second = secret_in(type_("device", "add", PK, DN))
    assert not signs_in(first)
    assert signs_in(second)
    third = secret_in(type_("device", "add", PK, DN, "--new-secret"))
    assert signs_in(third)


def test_a_push_of_what_a_device_runs_does_not_stand_in_the_way_of_the_next(
    tmp_path: Path, type_: Typed
) -> None:
    with LocalCloud(tmp_path / "cloud") as cloud:
        cloud.add_device(PK, DN, SECRET)
        for version in ("1.0.0", "1.1.0"):
            cloud.add_release(PK, version, b"image")
        with online(cloud) as device:
            said = type_("push", PK, DN, "1.0.0")
            assert "nothing to do, the device reports 1.0.0 already" in said
            device.ping()
            assert cloud.task(PK, DN, "1.0.0").state == "SUCCEEDED"
            assert "NOTIFIED" in type_("push", PK, DN, "1.1.0")
            device.push()


def test_to_push_what_is_on_its_way_leaves_no_failed_task(tmp_path: Path, type_: Typed) -> None:
    with LocalCloud(tmp_path / "cloud") as cloud:
        cloud.add_device(PK, DN, SECRET)
        for version in ("1.1.0", "1.2.0"):
            cloud.add_release(PK, version, b"image")
        push = ("push", PK, DN, "1.1.0")
        assert "QUEUED" in type_(*push)
        for more in ((), ("--wait",)):
            said = type_(*push, *more, code=1)
            assert f"{PK}/{DN} is being upgraded to 1.1.0 already, by task 1. " in said
            assert "`task show 1`" in said
        assert [one.state for one in CloudFolder(tmp_path / "cloud").store.tasks()] == ["QUEUED"]
        assert "QUEUED" in type_(*push, "--override")
        # Another version is another matter: the platform fails it, and so it is done here.
        said = type_("push", PK, DN, "1.2.0", code=1)
        assert "1.2.0 FAILED: the device has not finished 1.1.0" in said


def test_a_version_that_no_release_can_have_is_refused_as_such(
    tmp_path: Path, type_: Typed, release: bytes
) -> None:
    (tmp_path / "a.bin").write_bytes(release)
    for version in ("", "a b"):
        add = ("add", PK, version, str(tmp_path / "a.bin"))
        assert f"{version!r} is no version. Use 1 to 64 " in type_("release", *add, code=1)
        assert f"{version!r} is no version. " in type_(
            "--at", "desk", "release", "publish", *add[1:], code=1
        )


@pytest.mark.parametrize("listen", ["0.0.0.0", "::"])
def test_links_to_this_machine_alone_are_not_handed_to_boards(
    type_: Typed, monkeypatch: pytest.MonkeyPatch, listen: str
) -> None:
    monkeypatch.setattr(serve, "addresses", lambda: ["192.168.1.10", "10.0.0.2"])
    said = type_("serve", "--listen", listen, code=1)
    assert "Add --public 192.168.1.10 or --public 10.0.0.2." in said
    monkeypatch.setattr(serve, "addresses", list)
    assert "Add --public with its name" in type_("serve", "--listen", listen, code=1)


def test_an_address_for_boards_that_this_machine_does_not_have_is_told_and_taken(
    type_: Typed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(serve, "addresses", lambda: ["192.168.1.10"])
    started = []

    def stop(*given: object) -> None:
        started.append(given)
        raise Refused("this test has seen enough", "Nothing is to be done.")

    monkeypatch.setattr(serve, "_started", stop)
    for public, noted in (
        ("203.0.113.77", True),  # nobody has it
        ("2001:db8::77", True),
        ("127.0.0.1", False),
        ("a-router.example", False),  # where a name leads is for who asks for it
    ):
        said = type_("serve", "--public", public, code=1)
        note = f"note: {public} is no address of this machine, which has 192.168.1.10. "
        assert (note in said) == noted
        assert "this test has seen enough" in said
    words = ["serve", "--public", "203.0.113.77", "--json", "--folder", str(tmp_path)]
    assert CLOUD.main(words) == 1
    first, last = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert first.keys() == last.keys() == {"error", "advice"}
    assert len(started) == 5


def test_a_command_that_failed_leaves_no_folder_behind(tmp_path: Path, type_: Typed) -> None:
    (tmp_path / "README.md").write_text("no image")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for words in (
            ("serve", "--mqtt-port", port),
            ("serve", "--listen", "203.0.113.77", "--public", "203.0.113.77"),
            ("device", "add", "a b", DN),
            ("device", "add", PK, DN, "--secret-file", str(tmp_path / "README.md")),
            ("device", "add", PK, DN, "--settings", str(tmp_path / "new.env")),
            ("product", "add", "a b"),
            ("release", "add", PK, "1.1.0", str(tmp_path / "README.md")),
            # Nor do those that only look.
            ("device", "list"),
            ("release", "list"),
            ("release", "show", PK, "1.1.0"),
            ("task", "list"),
            ("task", "show", "1"),
            ("push", PK, DN, "1.1.0"),
            ("batch", PK, "1.1.0"),
            ("key",),
            ("mosquitto", str(tmp_path / "broker")),
        ):
            said = type_(*words, code=1)
            assert [one.name for one in tmp_path.iterdir()] == ["README.md"], (words, said)
    # What was there before stays, also when it was empty.
    (tmp_path / "cloud").mkdir()
    type_("device", "add", "a b", DN, code=1)
    assert (tmp_path / "cloud").is_dir()


def test_folders_that_were_made_on_the_way_are_gone_too(tmp_path: Path) -> None:
    deep = tmp_path / "there" / "a" / "b"
    deep.parents[1].mkdir()
    assert CLOUD.main(["device", "add", "a b", DN, "--folder", str(deep)]) == 1
    assert list((tmp_path / "there").iterdir()) == []


def test_a_file_of_settings_that_is_there_is_not_lost_and_the_way_on_is_told(
    tmp_path: Path, type_: Typed
) -> None:
    kept = tmp_path / "it's.env"
    kept.write_text("of another board")
    with LocalCloud(tmp_path / "cloud"):
        for option in ("--settings", "--secret-file"):
            said = type_("device", "add", PK, DN, option, str(kept), code=1)
            assert f"{kept} is there already, and may hold a secret that a board has. " in said
            assert (
                f"Name a new file, or remove that one first: rm {shlex.quote(str(kept))}" in said
            )
            said = type_("device", "add", PK, DN, option, str(tmp_path / "no" / "f"), code=1)
            assert "Name a file in a folder that is there" in said
    assert kept.read_text() == "of another board"
    assert "there is no device yet" in type_("device", "list", err=True)


def test_a_version_that_is_not_there_is_told_with_those_that_are(
    tmp_path: Path, type_: Typed
) -> None:
    (tmp_path / "f").write_text("x")
    add = ("release", "add", PK)
    for version in [f"1.{n}" for n in range(10)]:
        type_(*add, version, str(tmp_path / "f"), "--force")
    type_(*add, "7", str(tmp_path / "f"), "--module", "assets")
    for verb in ("show", "history", "remove"):
        said = type_("release", verb, PK, "2.0", code=1)
        assert f"{PK} has no 2.0 of module default. It has 1.9, 1.8, 1.7, " in said
        assert "1.2 and 2 more" in said
        assert "Add it first" not in said
    assert "say --module assets" in type_("release", "show", PK, "7", code=1)
    assert f"release add {PK} 8 FILE --module page" in type_(
        "release", "show", PK, "8", "--module", "page", code=1
    )


def test_nothing_that_matches_is_said_and_not_left_to_be_guessed(
    tmp_path: Path, type_: Typed
) -> None:
    type_("device", "add", PK, DN)
    for words, told in (
        (("device", "list", "nobody"), "no device of product nobody"),
        (("device", "list", PK, "--status", "ONLINE"), f"of product {PK}, status ONLINE"),
        (("release", "list", "nobody"), "no package of product nobody"),
        (("release", "list"), "no package yet"),
        (("task", "list", "nobody", "--state", "FAILED"), "of product nobody, state FAILED"),
        (("task", "list", "--batch", "7"), "no task of batch 7"),
        (("device", "history", PK, DN), f"no task of device {DN}"),
    ):
        assert told in type_(*words, err=True), words
        assert type_(*words) == ""
        assert type_(*words, "--json") == "[]\n"


def test_the_addresses_that_are_told_are_this_machines() -> None:
    for address in addresses():
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as sock:
            sock.bind((address, 0))  # only one's own can be


def test_a_developers_loop_may_sign_in_as_often_as_it_likes(tmp_path: Path) -> None:
    with LocalCloud(tmp_path) as cloud:
        cloud.add_device(PK, DN, SECRET)
        for _ in range(5):
            RawDevice(cloud).connect()
        with RawDevice(cloud) as device:
            device.send(connect_packet())
            assert device.is_closed()
        assert "`serve --no-limits`" in cloud.violations[0].detail
        cloud.faults.lift_limits()
        for _ in range(10):
            with RawDevice(cloud) as device:
                assert device.connect() == 0
                assert device.subscribe(*(f"/{PK}/{DN}/user/{n}" for n in range(9))) == [0] * 9
        assert len(cloud.violations) == 1


@pytest.mark.parametrize("listen", ["203.0.113.77", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_named_and_not_its_port(
    type_: Typed, listen: str
) -> None:
    said = type_("serve", "--listen", listen, "--public", "203.0.113.77", code=1)
    assert f"cannot listen on {listen}: that is no address of this machine" in said
    assert "port" not in said
