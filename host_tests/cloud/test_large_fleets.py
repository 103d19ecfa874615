"""What a large fleet costs the stand-in grows with its devices, and not with their square.

Counted, not timed: how often a task is looked at, how many steps SQLite takes.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from host_tests.kit.raw_mqtt import PK
from tools.cloud import LocalCloud, Task
from tools.cloud.identity import Identity
from tools.cloud.ota.tasks import DEFAULT_MODULE


def prepare(cloud: LocalCloud) -> None:
    """No device but those of fleet()."""


def fleet(cloud: LocalCloud, size: int) -> None:
    """Devices that have reported a version, and another one to bring them to."""
    names = [f"d{number:03d}" for number in range(size)]
    store = cloud._program.store
    for name in names:
        cloud.add_device(PK, name)
    for name in names:
        cloud._call(
            lambda name=name: store.set_version(Identity(PK, name), DEFAULT_MODULE, "1", 0.0)  # type: ignore[misc]
        )
    cloud.add_release(PK, "2", b"image")


def states(cloud: LocalCloud, batch: int) -> dict[str, int]:
    return cloud._call(lambda: cloud._program.store.counts(batch))


def test_a_rate_is_kept_without_a_look_at_every_device_that_waits(cloud: LocalCloud) -> None:
    size, rate = 120, 10
    fleet(cloud, size)
    rollout, store = cloud._program.ota.rollout, cloud._program.store
    asked: list[str] = []

    def offer(task: Task) -> bool:
        asked.append(task.device_name)
        if not rollout.may_tell(task, push=True):
            return False
        rollout.told(task)
        store.move_task(task, 0.0, state="NOTIFIED")
        cloud._records.changed()
        return True

    rollout._offer = offer
    batch = cloud.batch(PK, "2", rate=rate)
    for told in range(rate, size, rate):
        assert states(cloud, batch.id) == {"NOTIFIED": told, "QUEUED": size - told}
        cloud.advance(61)
        cloud.wait_for(
            lambda told=told: states(cloud, batch.id)["NOTIFIED"] == told + rate,  # type: ignore[misc]
            what="the next ones",
        )
    assert len(set(asked)) == size
    # Each once, and now and then the one that the rate did not allow any more.
    assert len(asked) <= size + 2 * size // rate


def test_one_devices_part_in_a_batch_costs_the_same_however_many_others_there_are(
    tmp_path: Path,
) -> None:
    assert _steps(tmp_path / "large", 240) < 2 * _steps(tmp_path / "small", 30)


def _steps(folder: Path, size: int) -> int:
    """How many steps SQLite takes to cancel one device's part, and to match it once more."""
    with LocalCloud(folder) as cloud:
        fleet(cloud, size)
        batch = cloud.batch(PK, "2", dynamic=True)
        store, rollout = cloud._program.store, cloud._program.ota.rollout
        steps: list[None] = []

        def run() -> None:
            store._db.set_progress_handler(lambda: steps.append(None), 1)
            assert rollout.batches.cancel(batch.id, ["d007"]) == 1
            again = rollout.task_of(Identity(PK, "d007"), DEFAULT_MODULE, "1")
            store._db.set_progress_handler(None, 1)
            assert again is not None

        cloud._call(run)
        return len(steps)


def test_a_large_rollout_lets_everybody_else_have_a_turn(cloud: LocalCloud) -> None:
    fleet(cloud, 120)
    rollout, store = cloud._program.ota.rollout, cloud._program.store
    turns: list[int] = []
    in_this_turn = 0

    def end_of_turn() -> None:
        nonlocal in_this_turn
        turns.append(in_this_turn)
        in_this_turn = 0

    def offer(task: Task) -> bool:
        nonlocal in_this_turn
        if in_this_turn == 0:
            asyncio.get_running_loop().call_soon(end_of_turn)
        in_this_turn += 1
        store.move_task(task, 0.0, state="NOTIFIED")
        cloud._records.changed()
        return True

    rollout._offer = offer
    batch = cloud.batch(PK, "2")
    cloud.wait_for(lambda: states(cloud, batch.id) == {"NOTIFIED": 120}, what="all of them")
    assert max(turns) <= 50
    assert cloud._call(lambda: rollout._waiting) == {}
