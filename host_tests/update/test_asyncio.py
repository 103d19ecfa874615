"""An application on asyncio: updates come, its tasks go on, and one that crashes is no secret."""

from __future__ import annotations

import re

from host_tests.kit.rig import ROOT, Rig

REFERENCE = (ROOT / "micropython" / "examples" / "on_asyncio.py").read_text()

# In place of the reference application's work(): tells how it fares while an update moves, and how
# often poll() is called in a second without one.
WORK = """
import time
polls = 0
updates = None

async def work():
    global polls
    at_work = 0
    began = time.ticks_ms()
    while True:
        await asyncio.sleep_ms(2)
        at_work = at_work + 1 if updates.state == "downloading" else 0
        if at_work == 10:
            print("at work beside the download")
        passed = time.ticks_diff(time.ticks_ms(), began)
        if updates.busy or not updates.device.connected or passed >= 500:
            if passed >= 500:
                print("polls a second:", polls * 1000 // passed)
            polls = 0
            began = time.ticks_ms()

def counted(updater):
    global updates
    updates = updater
    poll = updater.poll
    def counting():
        global polls
        polls += 1
        poll()
    updater.poll = counting
"""

CRASHES = """
async def work():
    await asyncio.sleep_ms({ms})
    print("crash")
    raise ValueError("of the pump")
"""


def application(work: str) -> str:
    """on_asyncio.py with another work()."""
    source, places = re.subn(
        r"async def work\(\):\n(?:    .*\n|\n(?=    ))+", lambda _: work, REFERENCE
    )
    assert places == 1
    return source


def ready(rig: Rig) -> None:
    rig.limits(pause_ms=50)


def test_the_reference_application_on_asyncio_is_updated(rig: Rig) -> None:
    rig.start("1.0.0", REFERENCE)
    rig.update("1.1.0", rig.image("1.1.0", REFERENCE))
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)


def test_tasks_go_on_beside_a_download_and_an_idle_board_sleeps(rig: Rig) -> None:
    source = application(WORK).replace("    worker = ", "    counted(updater)\n    worker = ")
    rig.start("1.0.0", source)
    rig.wait_count("polls a second: ", 3)
    rates = [int(n) for n in re.findall(r"polls a second: (\d+)", rig.board.console_text())]
    assert 1 <= rates[-1] <= 60, rates  # a busy machine makes it fewer
    rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 4096, 0.02
    rig.update("1.1.0", rig.image("1.1.0", REFERENCE))
    rig.ends("1.1.0", "SUCCEEDED")
    assert "at work beside the download" in rig.board.console_text()


def test_a_task_that_crashes_ends_the_trial_of_its_image(rig: Rig) -> None:
    rig.start("1.0.0", REFERENCE)
    rig.update("1.1.0", rig.image("1.1.0", application(CRASHES.format(ms=1))))
    told = rig.ends("1.1.0", "FAILED")
    assert "E90" in told
    assert "ValueError: of the pump" in told
    assert rig.board.running_slot() == 0


def test_a_task_that_crashes_later_restarts_the_board_like_any_crash(rig: Rig) -> None:
    rig.start("1.0.0", application(CRASHES.format(ms=1500)))
    rig.wait_count("crash", 2)
    assert [boot.ended for boot in rig.board.boots][:1] == ["reset"]
    rig.update("1.1.0", rig.image("1.1.0", REFERENCE))
    rig.ends("1.1.0", "SUCCEEDED")


def test_an_application_may_answer_for_its_tasks_itself(rig: Rig) -> None:
    work = CRASHES.format(ms=500) + (
        "\nasyncio.get_event_loop().set_exception_handler(\n"
        "    lambda loop, context: print('handled', context['exception']))\n"
    )
    rig.start("1.0.0", application(work))
    rig.says("handled of the pump")
    rig.update("1.1.0", rig.image("1.1.0", REFERENCE))
    rig.ends("1.1.0", "SUCCEEDED")
    assert len(rig.board.boots) == 2
