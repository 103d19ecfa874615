"""What boards, and the board on the desk, once did wrong, each put back: the test that notices.

What else is mended around the update itself (the time of proof, the version check, the gate, safe
mode, the verdict's rows) stands in mutants.py.
"""

from __future__ import annotations

from host_tests.long.mutants import APPLICATION, OUTCOME, Mutant

HOOKS = "host_tests/update/test_hooks.py"
HIDDEN = "host_tests/update/test_hidden.py"
LONG_OFFER = "host_tests/update/test_modules.py"
CLOCK = "host_tests/device/t_clock.py"
WAITING = "host_tests/device/t_waiting.py"
FIRMWARE = "host_tests/sim/test_firmware.py"
AIO = "host_tests/update/test_asyncio.py"

OLD_BEHAVIOURS = (
    Mutant(
        "an application that ends leaves the board at the REPL",
        "tools/images/end_template.py",
        '    if boot is None or boot["dev"] or by_hand:\n',
        '    if boot is None or boot["trial"] is None:\n',
        f"{APPLICATION} -k is_started_again",
    ),
    Mutant(
        "the pause before another start does not grow",
        "micropython/alink/starts.py",
        "_GROWS[min(max(bad, 1), _ROW) - 1]\n",
        "_GROWS[0]\n",
        f"{APPLICATION} -k each_pause",
    ),
    Mutant(
        "the application is no program of its own",
        "tools/images/program.py",
        '__name__ = "__main__"\'',
        '__name__ = "app_main"\'',
        f"{APPLICATION} -k usual_guard",
    ),
    Mutant(
        "any year that NTP tells is taken",
        "micropython/alink/clock.py",
        "    return 0 <= t[0] - _YEAR < _YEARS and t[:5] != _ZERO\n",
        "    return t[0] >= _YEAR\n",
        CLOCK,
    ),
    Mutant(
        "a wrong clock stays wrong until the power is cut",
        "micropython/alink/clock.py",
        "    return _ntp() and abs(",
        "    return False and abs(",
        CLOCK,
    ),
    Mutant(
        "an answer of NTP that is cut short ends the program",
        "micropython/alink/clock.py",
        "    except Exception as e:\n",
        "    except OSError as e:\n",
        CLOCK,
    ),
    Mutant(
        "a reset that has no name is taken for a panic",
        "micropython/alink/after_reset/outcome.py",
        "        if cause == machine.HARD_RESET:\n",
        "        if cause in (0, machine.HARD_RESET):\n",
        OUTCOME,
    ),
    Mutant(
        "an exception in on_job refuses every job for ever",
        "micropython/alink/job/gate.py",
        "        if faults > _FAULTS:\n",
        "        if False:\n",
        f"{HOOKS} -k are_counted",
    ),
    Mutant(
        "a second module put off overwrites the first",
        "micropython/alink/deferral.py",
        '            if job[_KEY].split("/")[0] == module:\n',
        "            if True:\n",
        "host_tests/device/t_deadlines.py",
    ),
    Mutant(
        "an offer that is too long is never answered",
        "micropython/alink/job/overlong.py",
        '    if reply or topic.startswith("/ota/device/upgrade/"):\n',
        "    if False:\n",
        f"{LONG_OFFER} -k too_long",
    ),
    Mutant(
        "a boot.py that MicroPython has written stops all updates",
        "micropython/alink/after_reset/begin.py",
        '    if boot is not None and boot.get("frozen"):\n',
        "    if False:\n",
        "host_tests/update/test_loader.py -k brings_the_loader",
    ),
    Mutant(
        "an application's module is taken for the firmware's",
        "micropython/alink/firmware.py",
        '    if ".frozen" not in getattr(loaded, "__path__", ""):\n',
        "    if False:\n",
        f"{HIDDEN} -k has_its_own_requests",
    ),
    Mutant(
        "an import that fails is told of the wrong module",
        "micropython/alink/__init__.py",
        "        if home is not None or \"'alink.%s'\" % name not in str(e):\n",
        "        if home is not None:\n",
        f"{HIDDEN} -k inside_the_package",
    ),
    Mutant(
        "an answer without a length is refused",
        "micropython/alink/job/http_answer.py",
        "    if length < 0 and page:\n",
        "    if length < 0:\n",
        "host_tests/device/test_http_answers.py -k without_a_length",
    ),
    Mutant(
        "every poll asks for a fresh link anew",
        "micropython/alink/job/run.py",
        "not 0 < time.ticks_diff(self.asked, time.ticks_ms()) <= _REPLY_MS",
        "True",
        WAITING,
    ),
    Mutant(
        "a main loop spins while a download pauses",
        "micropython/alink/updater.py",
        "            (self.run and not self.run.resting)\n",
        "            self.run\n",
        WAITING,
    ),
    Mutant(
        "a self-test without an answer passes unsaid",
        "micropython/alink/proof.py",
        "        if said is None:\n",
        "        if False:\n",
        WAITING,
    ),
    Mutant(
        "a window takes 32 KB of RAM though 4 KB do",
        "micropython/alink/files/unpack.py",
        "        return told if 9 <= told < self._wbits else self._wbits\n",
        "        return self._wbits\n",
        "host_tests/release/test_files.py",
    ),
    Mutant(
        "the fall of a cancelled version fails the next one",
        "micropython/alink/after_reset/standing.py",
        "            fell is not None\n",
        "            False\n",
        "host_tests/update/test_trial.py -k cancelled_version",
    ),
    Mutant(
        "on the desk asyncio hangs",
        "tools/sim/device/simchip/start.py",
        '    sys.modules["_asyncio"] = chip_asyncio\n',
        "",
        f"{FIRMWARE} -k asyncio",
    ),
    Mutant(
        "on the desk a wrong clock is not seen in TLS",
        "tools/sim/device/simchip/board_tls.py",
        "        if context.verify_mode == _tls.CERT_REQUIRED:\n",
        "        if False:\n",
        f"{FIRMWARE} -k clock_is_wrong",
    ),
    Mutant(
        "on the desk nothing hides what the firmware has",
        "tools/sim/device/simchip/start.py",
        '    sys.path[:] = ["", ".frozen", "/_sim/.frozen", "/lib"] + config["path"]\n',
        '    sys.path[:] = [".frozen", "/_sim/.frozen", "", "/lib"] + config["path"]\n',
        f"{FIRMWARE} -k 'hides or hide'",
    ),
    Mutant(
        "a crashed task of asyncio goes unnoticed",
        "micropython/alink/aio.py",
        "        scheduler.set_exception_handler(_crashed)\n",
        "        pass\n",
        f"{AIO} -k ends_the_trial",
    ),
)
