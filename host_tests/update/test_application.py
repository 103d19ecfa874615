"""The application on the board: it runs as a program, and one that ends strands no board."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_tests.kit.rig import DN, PK, Rig, app
from tools.images.application import ALINK, collect
from tools.images.homes import moved
from tools.images.shorten import table

GUARDED = {
    "main.py": "import helper\n\nPIN = 4\n\ndef run():\n    print('as', __name__, helper.pin())\n"
    "\nif __name__ == '__main__':\n    run()\n    while True: pass\n",
    "helper.py": "import main\n\ndef pin():\n    return main.PIN\n",
}


def test_the_usual_guard_works_and_modules_find_main(rig: Rig) -> None:
    rig.folder.joinpath("app-1.0.0").mkdir()
    rig.folder.joinpath("app-1.0.0", "helper.py").write_text(GUARDED["helper.py"])
    rig.board.write_slot(0, rig.image("1.0.0", GUARDED["main.py"]))
    rig.board.power_on()
    rig.says("as __main__ 4")


def test_the_usual_guard_works_in_development_too(rig: Rig, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, text in GUARDED.items():
        (folder / name).write_text(text)
    for path, content in collect(folder, "1.0.1", features=()).items():
        if not path.startswith("/alink/"):  # the slot's is used
            rig.board.install_file(f"/dev_app{path}", content)
    rig.board.nvs_set("alink", "dev", 1)
    rig.board.write_slot(0, rig.image("1.0.0", app()))
    rig.board.power_on()
    rig.says("as __main__ 4")


# -- an application that ends

ENDINGS = {
    "raises": ("raise ValueError('no sensor')", "ValueError: no sensor"),
    "returns": ("", "main.py has ended"),
    "hangs": (
        "import machine\nmachine.WDT(timeout=60)\nwhile True: pass",
        "watchdog",
    ),
    "resets": ("import machine\nmachine.reset()", "reset"),
    "has no memory": ("held = [0]\nwhile True: held.extend(held)", "MemoryError: "),
    "went elsewhere": (
        "import os, sys\nos.chdir('/')\nsys.path[:] = ['/nowhere']\nraise ValueError('far')",
        "ValueError: far",
    ),
    "cannot be told": (
        "class E(Exception):\n    def __repr__(self): raise ValueError\n    __str__ = __repr__\n"
        "raise E('y')",
        "E",
    ),
}
AT_ONCE = "print('start')\n"
KEPT = "from alink.journal import Store\nkept = Store('test')\nn = kept.get_int('n') + 1\n"
KEPT += "kept.set_int('n', n)\nprint('start', n)\n"


def confirmed(rig: Rig, source: str, **limits: int) -> None:
    """A board that runs this, and not on trial."""
    rig.limits(**{"pause_ms": 10, **limits})
    rig.board.write_slot(0, rig.image("1.0.0", source))
    rig.board.power_on()


def at_repl(rig: Rig) -> None:
    rig.board.wait_for(lambda: rig.board.boots[-1].at_repl, 120, what="the REPL")


@pytest.mark.parametrize("ending", ["raises", "returns"])
def test_an_application_that_ends_is_started_again(ending: str, rig: Rig) -> None:
    once = KEPT + "if n == 1:\n    " + (ENDINGS[ending][0] or "raise SystemError") + "\n"
    if ending == "returns":
        once = KEPT + "if n > 1:\n    while True: pass\n"
    confirmed(rig, once)
    rig.says("start 2")
    rig.says("it is restarted in 0 s")
    assert [boot.cause for boot in rig.board.boots] == [1, 2]


def test_each_pause_before_another_start_is_longer(rig: Rig) -> None:
    # Told by the board: on a busy machine a console is read late.
    telling = "import time\nsleep_ms = time.sleep_ms\ndef told(ms):\n"
    telling += "    print('pause', ms)\n    sleep_ms(ms)\ntime.sleep_ms = told\n"
    confirmed(rig, telling + AT_ONCE + "raise ValueError", pause_ms=20)
    rig.says("safe mode, without the application")
    pauses = [line for _, line in rig.board.console if line.startswith("pause ")]
    assert pauses == [f"pause {ms}" for ms in (20, 60, 180, 540, 1200)]


def test_a_program_that_exits_on_its_own_is_no_bad_start(rig: Rig) -> None:
    confirmed(rig, KEPT + "raise SystemExit")
    rig.says("start 8")
    assert "safe mode" not in rig.board.console_text()


@pytest.mark.parametrize("ending", sorted(ENDINGS))
def test_after_five_bad_starts_alink_alone_takes_the_next_job(ending: str, rig: Rig) -> None:
    source, why = ENDINGS[ending]
    confirmed(rig, AT_ONCE + source)
    rig.says("safe mode, without the application: " + why)
    assert rig.board.console_text().count("\nstart\n") == 5
    rig.reports("1.0.0")
    rig.wait(lambda: rig.progress(), "what has happened")
    told = rig.progress()[0]
    assert told["step"] == "1", "it would end the job that comes to mend it"
    assert told["desc"].startswith(f"E100 safe-mode: 1.0.0 ended: {why}"), told
    rig.update("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    rig.says("start 1.1.0")


def test_an_end_after_long_work_is_told_to_the_cloud(rig: Rig) -> None:
    """It is started again as often as it ends, and nobody would know."""
    late = "if n == 1 and device.connected: raise OSError('the sensor is gone')"
    confirmed(rig, app(prologue=KEPT, loop=late), young_ms=10)
    rig.wait(lambda: rig.progress(), "what has happened")
    told = rig.progress()[0]
    assert told["step"] == "1"
    assert told["desc"].startswith("E102 application-ended: 1.0.0 ended: OSError: the sensor"), (
        told
    )
    assert "safe mode" not in rig.board.console_text()


@pytest.mark.usefixtures("plain_sim")
def test_an_application_that_has_filled_the_heap_with_small_objects_is_started_again(
    rig: Rig,
) -> None:
    rig.board.heap = "esp32"
    confirmed(
        rig,
        KEPT + "held = None\nwhile n == 1:\n    held = (held, bytearray(100))\nwhile True: pass",
    )
    rig.says("start 2")


def starved() -> str:
    """A program whose sign-ins fail for want of memory, six of them at once."""
    names = table(
        moved(
            {
                f"alink/{path.relative_to(ALINK).as_posix()[:-3]}": path.read_bytes()
                for path in ALINK.rglob("*.py")
            }
        )
    )
    lost = next(new for new, old in names["alink/backoff"].items() if old == "lost")
    return f"""
from alink import parts, setup
from alink.errors import AlinkError
device = setup.device(setup.settings())
for _ in range(6):
    parts.ask("backoff", "{lost}", device, AlinkError(84, "no room"))
while True:
    pass
"""


def test_an_application_that_leaves_no_memory_to_sign_in_does_not_cut_the_board_off(
    rig: Rig,
) -> None:
    confirmed(rig, AT_ONCE + starved())
    rig.says("safe mode, without the application: no memory: no")
    assert rig.board.console_text().count("\nstart\n") == 1
    rig.update("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")
    rig.says("start 1.1.0")


def test_a_new_image_that_leaves_no_memory_to_sign_in_falls_at_once(rig: Rig) -> None:
    rig.start("1.0.0")
    rig.update("1.1.0", rig.image("1.1.0", starved()))
    assert "trial-crashed: 1.1.0 fell" in rig.ends("1.1.0", "FAILED")
    assert "no memory: " in rig.ends("1.1.0", "FAILED")


def test_in_safe_mode_the_application_gets_another_try(rig: Rig) -> None:
    source = KEPT + "if n < 7:\n    raise ValueError('still broken')\nwhile True: pass\n"
    confirmed(rig, source, safe_ms=50)
    rig.wait_count("safe mode, without", 2)
    assert rig.board.console_text().count("\nstart ") == 6, "one try, then safe mode again"
    rig.says("start 7")


def test_in_safe_mode_without_a_network_the_application_is_tried_again(rig: Rig) -> None:
    source = KEPT + "if n < 6:\n    raise ValueError('still broken')\nwhile True: pass\n"
    rig.board.wifi = "absent"
    confirmed(rig, source, safe_ms=300)
    rig.says("no network")
    rig.says("start 6")


def test_in_safe_mode_a_job_for_a_module_waits_for_its_application(rig: Rig) -> None:
    confirmed(rig, "raise ValueError")
    rig.reports("1.0.0")
    rig.cloud.add_release(PK, "a1", b"1", module="assets")
    rig.cloud.push(PK, DN, "a1", module="assets")
    rig.update("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")
    assert rig.cloud.task(PK, DN, "a1").state != "FAILED"


def test_an_application_that_lives_longer_is_never_left_out(rig: Rig) -> None:
    confirmed(
        rig, KEPT + "time.sleep_ms(40)\n1 / 0".replace("time", "__import__('time')"), young_ms=20
    )
    rig.says("start 8")
    assert "safe mode" not in rig.board.console_text()


def test_a_watchdog_hours_after_the_start_is_no_bad_start(rig: Rig) -> None:
    # The clock goes on over a reset: two minutes later by it.
    later = (
        "import machine, time\nrtc = machine.RTC()\n"
        "rtc.datetime(time.gmtime(time.time() + 130)[:3] + (0,) + "
        "time.gmtime(time.time() + 130)[3:6] + (0,))\n"
    )
    confirmed(rig, KEPT + later + ENDINGS["hangs"][0])
    rig.says("start 8")
    assert "safe mode" not in rig.board.console_text()


def test_a_sensor_that_sleeps_most_of_the_time_is_healthy(rig: Rig) -> None:
    confirmed(rig, KEPT + "import machine\nmachine.deepsleep(1)")
    rig.says("start 8")
    assert "safe mode" not in rig.board.console_text()


def test_a_device_that_is_switched_off_again_and_again_is_healthy(rig: Rig) -> None:
    confirmed(rig, KEPT + "while True: pass")
    for n in range(1, 8):
        rig.says(f"start {n}")
        rig.board.power_cut()
        rig.board.power_on()
    rig.says("start 8")
    assert "safe mode" not in rig.board.console_text()


def test_bad_starts_that_are_not_in_a_row_do_not_count(rig: Rig) -> None:
    source = KEPT + "import machine\nmachine.deepsleep(1) if n % 4 == 0 else 1 / 0\n"
    confirmed(rig, source)
    rig.says("start 10")
    assert "safe mode" not in rig.board.console_text()


def test_ctrl_c_leads_to_the_repl(rig: Rig) -> None:
    confirmed(rig, AT_ONCE + "while True: pass")
    rig.says("start")
    rig.board.interrupt()
    at_repl(rig)
    assert rig.board.boots[-1].exception == "KeyboardInterrupt"
    assert len(rig.board.boots) == 1
    rig.board.power_cut()
    assert ("alink_ota", "bad") not in rig.board.nvs_keys("alink_ota")


def test_what_is_developed_on_the_board_ends_at_the_repl(rig: Rig) -> None:
    (rig.folder / "mine").mkdir()
    (rig.folder / "mine" / "main.py").write_text("1 / 0\n")
    for path, content in collect(rig.folder / "mine", "1.0.1", features=()).items():
        if not path.startswith("/alink/"):
            rig.board.install_file(f"/dev_app{path}", content)
    rig.board.nvs_set("alink", "dev", 1)
    confirmed(rig, "pass")
    at_repl(rig)
    assert rig.board.boots[-1].exception == "ZeroDivisionError"
    assert len(rig.board.boots) == 1


def test_a_version_whose_program_simply_ends_falls_back_and_says_so(rig: Rig) -> None:
    rig.start("1.0.0")
    rig.update("1.1.0", rig.image("1.1.0", "print('hello')\n"))
    assert "main.py has ended" in rig.ends("1.1.0", "FAILED")
    assert rig.board.running_slot() == 0


def test_a_version_that_breaks_after_its_confirmation_is_replaced_by_the_next(rig: Rig) -> None:
    rig.limits(pause_ms=10)
    rig.start("1.0.0")
    late = app(loop="if updater.state == 'idle' and not trial.running(): 1 / 0")
    rig.update("1.1.0", rig.image("1.1.0", late))
    rig.ends("1.1.0", "SUCCEEDED")
    rig.says("safe mode, without the application: ZeroDivisionError: divide by zero")
    rig.update("1.2.0")
    rig.ends("1.2.0", "SUCCEEDED")
    rig.confirmed(0)
