"""A rollout that stops itself: too many failed, fell back or took too long."""

from __future__ import annotations

import pytest

from host_tests.kit.member import Member
from host_tests.kit.rollout_line import Fleet, Line, of


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
