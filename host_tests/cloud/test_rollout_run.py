"""A rollout in phases: `rollout run`, in the stand-in's time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from host_tests.kit.member import MINUTE
from host_tests.kit.raw_mqtt import PK
from host_tests.kit.rollout_line import SIZE, Fleet, Line, of
from tools.cloud.platform import phases
from tools.cloud.platform.api import Api, NoAnswer


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


def test_a_plan_that_was_refused_before_its_first_device_can_be_corrected(line: Line) -> None:
    line.write()  # its package is not there yet
    line.run("--watch", code=1)
    line.publish("1.2.0")
    line.write("\n[[phase]]\nall = true\n", version="1.2.0")  # unverified, for too many devices
    line.run("--watch", code=1)
    line.publish("1.1.0")
    line.write()
    assert line.run("--watch")[-1]["event"] == "done"


@pytest.mark.parametrize("phase", ["all = true", 'names = ["row_03"]', "devices = 2"])
def test_a_version_that_all_have_is_not_said_to_have_no_device(
    fleet: Fleet, line: Line, phase: str
) -> None:
    line.publish("1.0.0")
    line.write(f"\n[[phase]]\n{phase}\n", version="1.0.0")
    code, _, err = line.main("rollout", "run", str(line.plan))
    assert code == 1
    whose = "the device reports" if "names" in phase else f"all {SIZE} devices report"
    assert f"{whose} 1.0.0 already. Nothing is left to do" in err


def test_a_plan_for_no_version_that_is_there_says_so(fleet: Fleet, line: Line) -> None:
    line.publish("1.1.0")
    line.write("\n[[phase]]\nall = true\n", sources=["0.9.0"])
    code, _, err = line.main("rollout", "run", str(line.plan))
    assert code == 1
    assert f"no device of {PK} is there for 1.1.0" in err
