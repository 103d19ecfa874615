"""A rollout in phases that stops itself: `rollout run`, in the stand-in's time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit.member import MINUTE, Member
from host_tests.kit.raw_mqtt import PK, SECRET
from tools.cloud import LocalCloud
from tools.cloud.__main__ import main
from tools.cloud.platform import phases
from tools.cloud.platform.api import Api, NoAnswer
from tools.cloud.platform.verbs import rollout_run

SIZE = 20
PHASES = """
[[phase]]
devices = 1
soak-min = 60

[[phase]]
percent = 10
soak-min = 30

[[phase]]
all = true
"""


class Fleet:
    """Devices of one product, and the time they live in. `acts(member)` once it was told.

    It is the clock of `rollout run`: what is waited for passes at the stand-in, too.
    """

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        names = [f"row_{number:02}" for number in range(SIZE)]
        for name in names:
            cloud.add_device(PK, name, SECRET)
        self.members = {name: Member(cloud, name) for name in names}
        for member in self.members.values():
            member.hears_nothing()
        self.acts: Callable[[Member], Any] = Member.updates
        self.each_look: Callable[[], None] = lambda: None
        self.acted: set[int] = set()
        self.step_s = 10 * MINUTE
        self.slept = 0.0

    def time(self) -> float:
        """Seconds since 1970, at the stand-in."""
        return self.cloud._program.clock.time()

    def sleep(self, seconds: float, /) -> None:
        """The devices act, and time passes."""
        self.each_look()
        for task in self.cloud.tasks("NOTIFIED"):
            if task.id not in self.acted:
                self.acted.add(task.id)
                self.acts(self.members[task.device_name])
        self.cloud.advance(self.step_s)
        self.slept += self.step_s
        assert self.slept < 24 * 3600, "it never ends"
        for member in self.members.values():
            member.hears_nothing()

    def told(self) -> set[str]:
        """Devices that have ever been told of a task."""
        pushes = [m for m in self.cloud.messages if "/ota/device/upgrade/" in m.topic]
        return {message.device.partition("/")[2] for message in pushes}


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    with LocalCloud(tmp_path / "cloud") as cloud:
        cloud.faults.connects_per_minute = None
        fleet = Fleet(cloud)
        monkeypatch.setattr(rollout_run, "CLOCK", fleet)
        yield fleet
        for member in fleet.members.values():
            member.mqtt.sock.close()


class Line:
    """`rollout run` and its neighbours, with --json: events as dictionaries."""

    def __init__(self, fleet: Fleet, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.fleet = fleet
        self.folder = folder
        self.capsys = capsys
        self.plan = folder / "plan.toml"

    def write(self, phases_: str = PHASES, version: str = "1.1.0", **terms: Any) -> None:
        lines = [f'product = "{PK}"', f'version = "{version}"']
        lines += [f"{name.replace('_', '-')} = {json.dumps(v)}" for name, v in terms.items()]
        self.plan.write_text("\n".join(lines) + phases_)

    def publish(self, version: str, *words: str) -> None:
        file = self.folder / f"{version}.bin"
        file.write_bytes(version.encode())
        assert self.main("release", "publish", PK, version, str(file), "--force", *words)[0] == 0

    def main(self, *words: str) -> tuple[int, str, str]:
        self.capsys.readouterr()
        code = main(["--at", "desk", *words, "--folder", str(self.fleet.cloud.folder)])
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def run(self, *words: str, code: int = 0, verb: str = "run") -> list[dict[str, Any]]:
        words = ("rollout", verb, str(self.plan), "--json", *words)
        ended, out, err = self.main(*words)
        assert ended == code, (out, err)
        return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def line(fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Line:
    return Line(fleet, tmp_path, capsys)


def of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


def test_a_good_release_goes_phase_by_phase_to_everybody(fleet: Fleet, line: Line) -> None:
    line.publish("1.1.0")
    line.write()
    events = line.run("--watch")
    assert [event["devices"] for event in of(events, "begins")] == [1, 1, 18]
    assert [event["succeeded"] for event in of(events, "passed")] == [1, 1, 18]
    assert events[-1] == {"event": "done", "succeeded": SIZE, "devices": SIZE}
    assert fleet.slept >= 90 * MINUTE  # both soaks
    assert {fleet.cloud.version(PK, name) for name in fleet.members} == {"1.1.0"}
    # The first phase was the verification of the package.
    _, out, _ = line.main("release", "list", PK, "--json")
    assert json.loads(out)[0]["verification"] == "verified"
    # And once more changes nothing.
    assert line.run("--watch")[-1]["event"] == "ended"


def test_a_bad_release_stops_at_its_threshold_and_spares_the_rest(
    fleet: Fleet, line: Line
) -> None:
    line.publish("1.1.0", "--no-verify")
    line.write("[[phase]]\ndevices = 2\n[[phase]]\npercent = 50\n[[phase]]\nall = true\n")
    line.write(
        "\n[[phase]]\ndevices = 2\n[[phase]]\npercent = 50\n[[phase]]\nall = true\n",
        failed_percent=20,
        enough_percent=80,
        rate=10,
    )
    told: list[Member] = []

    def acts(member: Member) -> None:
        told.append(member)
        if len(told) <= 3:
            member.updates()
        else:
            member.fails()

    fleet.acts = acts
    events = line.run("--watch", code=3)
    (stopped,) = of(events, "stopped")
    assert stopped["why"] == "phase 2: 7 of 8 devices failed, 1 may"
    assert {one["why"] for one in stopped["failed"]} == {"told"}
    assert len(fleet.told()) == 10  # half of the fleet never heard of it
    # A CI job that is started again does not go on either.
    (again,) = line.run("--watch", code=3)
    assert again["why"] == stopped["why"]
    assert len(fleet.told()) == 10


def test_those_that_were_not_told_yet_are_spared_when_it_stops(fleet: Fleet, line: Line) -> None:
    """A rate lets ten devices know in a minute: the rest of the phase is cancelled in time."""
    line.publish("1.1.0", "--no-verify")
    line.write("\n[[phase]]\nall = true\n", rate=10)
    fleet.step_s = 1.0
    fleet.acts = Member.fails
    events = line.run("--watch", code=3)
    (stopped,) = of(events, "stopped")
    assert stopped["cancelled"] == 10
    assert len(fleet.told()) == 10
    assert {task.state for task in fleet.cloud.batch_tasks(1)} == {"FAILED", "CANCELED"}


def test_a_device_that_fails_while_a_later_phase_runs_still_counts(
    fleet: Fleet, line: Line
) -> None:
    line.publish("1.1.0", "--no-verify")
    line.write("\n[[phase]]\ndevices = 10\n[[phase]]\nall = true\n", failed_percent=0)
    slow: list[Member] = []

    def acts(member: Member) -> None:
        if not slow:
            slow.append(member)
            member.pushed()
            member.progress(10)
            member.hears_nothing()
        elif len(fleet.told()) > 10:
            member.pushed()
            slow[0].progress(-1)
            slow[0].hears_nothing()
            slow[0] = member
        else:
            member.updates()

    fleet.acts = acts
    events = line.run("--watch", code=3)
    assert of(events, "stopped")[0]["why"].startswith("phase 1: 1 of 10 devices failed")


@pytest.mark.parametrize("size", [2, 15])
def test_devices_that_fall_back_after_their_success_stop_it(
    fleet: Fleet, line: Line, size: int
) -> None:
    line.publish("1.1.0", "--no-verify")
    phases_ = f"\n[[phase]]\ndevices = {size}\nsoak-min = 60\n[[phase]]\nall = true\n"
    line.write(phases_)
    looks: list[int] = []

    def each_look() -> None:
        looks.append(len(fleet.told()))
        if len(looks) == 3:
            for name in fleet.told():
                fleet.members[name].report("1.0.0")

    fleet.each_look = each_look
    (stopped,) = of(line.run("--watch", code=3), "stopped")
    assert f"{size} fell back" in stopped["why"]
    assert {one["why"] for one in stopped["failed"]} == {"reports 1.0.0 again"}
    assert len(fleet.told()) == size


def test_a_phase_that_takes_too_long_stops_it(fleet: Fleet, line: Line) -> None:
    line.publish("1.1.0", "--no-verify")
    line.write("\n[[phase]]\ndevices = 2\nlimit-min = 60\n[[phase]]\nall = true\n")
    fleet.acts = Member.pushed
    events = line.run("--watch", code=3)
    assert "0 of 2 devices succeeded in time, 2 have to" in of(events, "stopped")[0]["why"]


def test_it_goes_on_where_it_was_whoever_looks_next(fleet: Fleet, line: Line) -> None:
    """As a cron job has it: each look is a program of its own."""
    line.publish("1.1.0")
    line.write()
    seen = []
    for _ in range(100):
        code, out, _ = line.main("rollout", "run", str(line.plan), "--json")
        seen += [json.loads(one)["event"] for one in out.splitlines()]
        if code != 4:
            break
        fleet.sleep(1)
    assert code == 0
    assert (seen.count("begins"), seen.count("passed"), seen[-1]) == (3, 3, "done")
    jobs = {task.batch for task in fleet.cloud.tasks("SUCCEEDED")}
    assert len(jobs) == 3


def test_paused_it_tells_nobody_and_resumed_it_goes_on(fleet: Fleet, line: Line) -> None:
    line.publish("1.1.0", "--no-verify")
    line.write("\n[[phase]]\nall = true\n", rate=10)
    fleet.step_s = 1.0
    looks = []

    def each_look() -> None:
        looks.append(len(fleet.told()))
        if len(looks) == 1:
            line.run(verb="pause")
        if len(looks) == 3:
            fleet.step_s = 2 * MINUTE  # the rate would let more know by now
        if len(looks) == 6:
            assert len(fleet.told()) == 10
            line.run(verb="resume")

    fleet.each_look = each_look
    code, _, err = line.main("rollout", "run", str(line.plan), "--watch", "--json")
    assert code == 0, err
    assert looks[:6] == [10] * 6
    assert len(fleet.told()) == SIZE
    assert {fleet.cloud.version(PK, name) for name in fleet.members} == {"1.1.0"}


def test_it_is_stopped_by_hand_also_when_its_plan_was_changed(fleet: Fleet, line: Line) -> None:
    line.publish("1.1.0", "--no-verify")
    line.write()
    assert "under way" in line.main("rollout", "pause", str(line.plan))[2]
    line.run(code=4)
    line.write(failed_percent=7)
    assert "was changed" in line.main("rollout", "run", str(line.plan))[2]
    assert "not paused" in line.main("rollout", "resume", str(line.plan))[2]
    assert line.run(verb="stop")[0]["cancelled"] == 1
    assert "under way" in line.main("rollout", "stop", str(line.plan))[2]
    (first,) = fleet.told()
    assert fleet.members[first].pushed() == "1.1.0"
    line.publish("1.2.0", "--no-verify")
    line.write(version="1.2.0")  # the next plan begins by itself
    assert line.run("--watch")[-1]["event"] == "done"


def test_without_anybody_to_update_it_is_refused(fleet: Fleet, line: Line) -> None:
    line.publish("1.1.0", "--no-verify")
    line.write(sources=["7.7"])
    code, _, err = line.main("rollout", "run", str(line.plan), "--watch")
    assert (code, "device versions" in err) == (1, True)
    line.write("\n[[phase]]\nnames = ['nobody']\n")
    assert "nobody" in line.main("rollout", "run", str(line.plan), "--watch")[2]
    line.publish("1.2.0")
    line.write("\n[[phase]]\nall = true\n", version="1.2.0")
    assert "verified" in line.main("rollout", "run", str(line.plan), "--watch")[2]


def test_a_platform_that_does_not_answer_for_a_while_ends_nothing(
    fleet: Fleet, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.publish("1.1.0")
    line.write()
    plain, left = phases.Phases._judge, [2]

    def judge(self: phases.Phases) -> None:
        if left[0]:
            left[0] -= 1
            raise NoAnswer("it cannot be reached", "Wait.")
        plain(self)

    monkeypatch.setattr(phases.Phases, "_judge", judge)
    events = line.run("--watch")
    assert len(of(events, "unreachable")) == 2
    assert events[-1]["event"] == "done"


@pytest.mark.parametrize("lost", ["call", "answer"])
def test_a_batch_whose_making_was_cut_off_is_made_once(
    fleet: Fleet, line: Line, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """The second of three batches: its call did not arrive, or its answer did not."""
    line.publish("1.1.0", "--no-verify")
    line.write("\n[[phase]]\nall = true\n")
    monkeypatch.setattr(phases, "_BATCH_DEVICES", 8)
    plain, calls = Api.call, [0]

    def call(self: Api, action: str, **fields: Any) -> dict[str, Any]:
        calls[0] += action == "CreateOTAStaticUpgradeJob"
        if action != "CreateOTAStaticUpgradeJob" or calls[0] != 2:
            return plain(self, action, **fields)
        if lost == "answer":
            plain(self, action, **fields)
        raise NoAnswer("the line is cut", "Wait.")

    monkeypatch.setattr(Api, "call", call)
    events = line.run("--watch")
    assert events[-1] == {"event": "done", "succeeded": SIZE, "devices": SIZE}
    assert sorted(event["devices"] for event in of(events, "batch")) == [4, 8, 8]
    assert not fleet.cloud.tasks("FAILED")


def test_a_line_for_people_names_the_phase_and_who_failed(fleet: Fleet, line: Line) -> None:
    line.publish("1.1.0")
    line.write()
    fleet.acts = Member.fails
    code, out, _ = line.main("rollout", "run", str(line.plan), "--watch")
    first, *_, stopped, who = out.splitlines()
    assert code == 3
    assert first == "phase 1 of 3 (1 device): begins with 1 device(s)"
    assert stopped.startswith("stopped: phase 1: 1 of 1 devices failed, 0 may")
    assert who.strip().startswith("row_")


def test_a_plan_that_was_refused_before_its_first_device_can_be_corrected(line: Line) -> None:
    line.write()  # its package is not there yet
    line.run("--watch", code=1)
    line.publish("1.2.0")
    line.write("\n[[phase]]\nall = true\n", version="1.2.0")  # unverified, for too many devices
    line.run("--watch", code=1)
    line.publish("1.1.0")
    line.write()
    assert line.run("--watch")[-1]["event"] == "done"
