"""The nine steps of an update, as the guide "Device OTA development" counts them, one test each.

`make mutate` removes each step from the device code in turn and shows which of these notices.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from host_tests.kit.rig import DN, PK, Rig

HEAP = "esp32"


class Story:
    """One whole update, played once; the tests look at what it left."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.failure = ""
        rig.board.write_slot(0, rig.image("1.0.0"))
        rig.board.power_on()
        self._try(lambda: rig.reports("1.0.0", 6))
        self.listening = rig.cloud.listens(PK, DN)
        self._try(lambda: rig.wait(lambda: rig.sent("/firmware/get"), "the active query", 6))
        self.image = rig.update("1.1.0")
        self._try(lambda: rig.ends("1.1.0", "SUCCEEDED", 12))
        self.task = rig.cloud.task(PK, DN, "1.1.0")

    def _try(self, play: Callable[[], object]) -> None:
        # A scene that fails leaves its traces to the test that looks for them.
        try:
            play()
        except AssertionError as e:
            self.failure = self.failure or str(e)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder: Path = tmp_path_factory.mktemp("steps")
    with Rig(folder) as rig:
        yield Story(rig)


def test_step_1a_the_board_signs_in_with_its_own_secret(story: Story) -> None:
    signed_in = [n for n in story.rig.cloud.notes if n.kind == "online"]
    assert signed_in, story.failure
    assert not story.rig.cloud.violations


def test_step_1b_the_board_listens_for_pushes_before_it_reports(story: Story) -> None:
    assert story.listening, "no push would have reached it"


def test_step_2_the_platform_learns_the_running_version(story: Story) -> None:
    sent = story.rig.sent("/ota/device/inform/")
    assert sent, story.failure
    first = sent[0]
    assert json.loads(first.payload)["params"] == {"version": "1.0.0"}
    assert first.qos == 1, "nobody would know whether it arrived"


def test_step_3_a_missed_push_is_asked_for(story: Story) -> None:
    asked = story.rig.sent("/thing/ota/firmware/get")
    assert asked
    assert json.loads(asked[0].payload)["method"] == "thing.ota.firmware.get"


def test_step_4_the_job_is_taken_up_and_said_so(story: Story) -> None:
    assert story.rig.steps()[:1] == [1], story.failure


def test_step_5_the_image_is_in_the_slot_byte_for_byte(story: Story) -> None:
    assert story.rig.holds(1, story.image), story.failure
    served = [d for d in story.rig.fetched() if d.status in (200, 206)]
    assert sum(d.bytes_sent for d in served) == len(story.image)


def test_step_6_a_file_that_is_not_the_one_promised_never_boots(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.start("1.0.0")
        rig.update("1.1.0", sign="0" * 32, md5="0" * 32)
        desc = rig.ends("1.1.0", "FAILED", 20)
        assert "digest" in desc
        assert rig.steps()[-1] == -3
        assert rig.boots_slot() == 0
        assert len(rig.board.boots) == 1, "it was started"


def test_step_7_one_hundred_is_said_before_the_restart(story: Story) -> None:
    steps = story.rig.steps()
    assert steps.count(100) == 1, story.failure
    assert steps[-1] == 100
    assert steps == sorted(steps)


def test_step_8_the_new_version_runs_and_reports_itself(story: Story) -> None:
    assert not story.failure
    assert story.task.state == "SUCCEEDED"
    reported = [json.loads(m.payload)["params"]["version"] for m in story.rig.sent("/inform/")]
    assert reported[0] == "1.0.0"
    assert reported[-1] == "1.1.0"
    assert story.rig.board.running_slot() == 1
    story.rig.confirmed(1)


def test_step_9_the_board_signs_off_before_it_restarts(story: Story) -> None:
    assert not story.failure
    assert any(n.text == "signed off" for n in story.rig.cloud.notes), [
        n.text for n in story.rig.cloud.notes
    ]
