"""The steps of an update and the guards around it, each taken out in a way of its own."""

from __future__ import annotations

from dataclasses import dataclass

STEPS = "host_tests/update/test_steps.py"
OUTCOME = "host_tests/device/t_outcome.py"
ASIDE = "host_tests/device/t_aside.py"
VERDICT = "host_tests/update/test_verdict.py"
SIGNED = "host_tests/update/test_signed.py"
APPLICATION = "host_tests/update/test_application.py"
REFUSED = "host_tests/update/test_refused.py"
PACKED = "host_tests/update/test_packed.py"
MIXED = "host_tests/update/test_mixed.py"
ROOM = "host_tests/update/test_room.py"
PACKED_REFUSED = "host_tests/update/test_packed_refused.py"


@dataclass(frozen=True)
class Mutant:
    """One step taken out: `old` in `file` becomes `new`; `tests` run on it."""

    step: str
    file: str
    old: str
    new: str
    tests: str = STEPS


MUTANTS = (
    Mutant(
        "1a connect",
        "micropython/alink/device.py",
        '                self._link = parts.ask("signin.connect", "connect", self)\n',
        "                pass\n",
    ),
    Mutant(
        "1b subscribe",
        "micropython/alink/after_reset/begin.py",
        "    for topic in topics:\n",
        "    for topic in topics[1:]:\n",
    ),
    Mutant(
        "2 report the version",
        "micropython/alink/hello.py",
        '            self.add(up.version, "default")\n',
        "",
    ),
    Mutant(
        "3 query",
        "micropython/alink/hello.py",
        '            up.asked["default"] = reports.query(up.device, "default")\n',
        "            pass\n",
    ),
    Mutant(
        "4 take up the job",
        "micropython/alink/job/gate.py",
        "    # It begins with its first step, when this is out of RAM.\n",
        "    return\n",
    ),
    Mutant(
        "5 download",
        "micropython/alink/job/moving.py",
        "    download.target.write(download.block, n)\n",
        "",
    ),
    Mutant(
        "6 validate",
        "micropython/alink/job/waiting.py",
        "    if found != file.digest:\n",
        "    if False:\n",
    ),
    Mutant(
        "7 report 100",
        "micropython/alink/job/steps.py",
        "    elif closing.done() or (\n",
        "    elif state == _STORED or closing.done() or (\n",
    ),
    Mutant("8 restart", "micropython/alink/job/restart.py", "    machine.reset()\n", ""),
    Mutant("9 sign off", "micropython/alink/job/restart.py", "    up.device.disconnect()\n", ""),
    Mutant(
        "verdict: no link is counted",
        "micropython/alink/after_reset/outcome.py",
        '        return _counted(record, "no_link", _LATER, _E_TRIAL_NO_LINK)\n',
        "        return _LATER, 0\n",
        OUTCOME,
    ),
    Mutant(
        "verdict: it did not confirm in time",
        "micropython/alink/after_reset/outcome.py",
        '    if kind == "timeout":\n',
        '    if kind == "never":\n',
        OUTCOME,
    ),
    Mutant(
        "verdict: its self-test",
        "micropython/alink/after_reset/outcome.py",
        '    if kind == "self-test":\n',
        '    if kind == "never":\n',
        OUTCOME,
    ),
    Mutant(
        "verdict: its version",
        "micropython/alink/after_reset/outcome.py",
        '    if kind == "version":\n',
        '    if kind == "never":\n',
        OUTCOME,
    ),
    Mutant(
        "the version check",
        "micropython/alink/after_reset/outcome.py",
        '            if found["version"] != up.version:\n',
        "            if False:\n",
        VERDICT,
    ),
    Mutant(
        "verdict: no later update could be fetched",
        "micropython/alink/after_reset/outcome.py",
        '    if kind == "rehearsal":\n',
        '    if kind == "never":\n',
        OUTCOME,
    ),
    Mutant(
        "the rehearsal of the next download",
        "micropython/alink/after_reset/begin.py",
        "        if text is not None:\n            trial.watch().fail(",
        "        if False:\n            trial.watch().fail(",
        "host_tests/update/test_hidden.py",
    ),
    Mutant(
        "verdict: it said that it crashed",
        "micropython/alink/after_reset/outcome.py",
        "    if kind:\n",
        "    if False:\n",
        OUTCOME,
    ),
    Mutant(
        "verdict: watchdog",
        "micropython/alink/after_reset/outcome.py",
        "    if boots >= 0:\n        if cause == machine.WDT_RESET:\n",
        "    if True:\n        if cause == machine.WDT_RESET:\n",
        OUTCOME,
    ),
    Mutant(
        "verdict: hard reset",
        "micropython/alink/after_reset/outcome.py",
        "        if cause == machine.HARD_RESET:\n",
        "        if cause != machine.PWRON_RESET:\n",
        OUTCOME,
    ),
    Mutant(
        "verdict: it never started",
        "micropython/alink/after_reset/outcome.py",
        "_E_TRIAL_PANIC if boots else _E_BOOT_REFUSED\n",
        "_E_TRIAL_PANIC\n",
        OUTCOME,
    ),
    Mutant(
        "verdict: interruptions are counted",
        "micropython/alink/after_reset/outcome.py",
        '    return _counted(record, "power", _AGAIN, _E_TRIAL_INTERRUPTED)\n',
        "    return _AGAIN, 0\n",
        OUTCOME,
    ),
    Mutant(
        "set_boot() was not done",
        "micropython/alink/after_reset/outcome.py",
        '        if not boots and not store.get_int("armed"):\n',
        "        if False:\n",
        VERDICT,
    ),
    Mutant(
        "a trial put off whose job is offered no more",
        "micropython/alink/job/again.py",
        "        up.after.overtaken()\n",
        "        pass\n",
        f"{VERDICT} -k cancelled",
    ),
    Mutant(
        "downloads that resets end are counted",
        "micropython/alink/attempts.py",
        "    if times >= _BEGINNINGS:\n",
        "    if False:\n",
        "host_tests/update/test_resume.py -k same_place",
    ),
    Mutant(
        "a download that gets further is not counted",
        "micropython/alink/attempts.py",
        "    if at > most:\n",
        "    if False:\n",
        "host_tests/update/test_resume.py -k gets_further",
    ),
    Mutant(
        "gate: the loader",
        "micropython/alink/job/gate.py",
        "    if part is up and not up.loader_ok:\n",
        "    if False:\n",
        "host_tests/update/test_loader.py -k foreign_boot",
    ),
    Mutant(
        "gate: failed attempts",
        "micropython/alink/job/gate.py",
        "    if failed >= up.options[_MAX_ATTEMPTS]:\n",
        "    if False:\n",
        "host_tests/update/test_refused.py -k fourth_time",
    ),
    Mutant(
        "gate: the signature",
        "micropython/alink/job/gate.py",
        "    error = _unsigned(up, job)\n    if error is not None:\n",
        "    error = None\n    if error is not None:\n",
        f"{SIGNED} -k 'without_a_signature or changes_the_job'",
    ),
    Mutant(
        "gate: a key that cannot be read",
        "micropython/alink/job/signed.py",
        '    raise AlinkError(_E_CONFIG, "sign_key cannot be read: %s" % error)\n',
        "    return None\n",
        f"{SIGNED} -k cannot_be_used",
    ),
    Mutant(
        "gate: the application's consent",
        "micropython/alink/job/gate.py",
        "    if wish is not True:\n",
        "    if False:\n",
        "host_tests/update/test_hooks.py -k hooks_accept",
    ),
    Mutant(
        "gate: the signature of a job offered again",
        "micropython/alink/job/gate.py",
        "        error = _unsigned(up, job)\n    if error is None and",
        "        error = None\n    if error is None and",
        f"{SIGNED} -k under_way_again",
    ),
    Mutant(
        "gate: the files of a job offered again",
        "micropython/alink/job/gate.py",
        "    if error is None and _contents(job) == _contents(up.job):\n",
        "    if error is None:\n",
        f"{SIGNED} -k under_way_again",
    ),
    Mutant(
        "an offer waits until a block is whole",
        "micropython/alink/updater.py",
        "            and (run is None or run.hears)\n",
        "",
        f"{MIXED} -k in_the_middle_of_a_block",
    ),
    Mutant(
        "a sign-in has the room of what moves over MQTT",
        "micropython/alink/job/run.py",
        '                        self.turn("room", "hang_up")\n',
        "                        pass\n",
        f"{ROOM} -k what_comes_over_mqtt",
    ),
    Mutant(
        "an offer has the room of the buffers",
        "micropython/alink/job/inbox.py",
        '        parts.ask("job.room", "free", run)\n',
        "        pass\n",
        f"{ROOM} -k what_comes_over_mqtt",
    ),
    Mutant(
        "safe mode",
        "micropython/alink/starts.py",
        "        if bad >= _ROW:\n",
        "        if False:\n",
        APPLICATION + " -k another_try",
    ),
    Mutant(
        "safe mode: a start that lived is good",
        "micropython/alink/starts.py",
        "age * 1000 and age < _SET_S:\n",
        "age * 1000 and age < 0:\n",
        APPLICATION + " -k watchdog_hours",
    ),
    Mutant(
        "safe mode: deep sleep is healthy",
        "micropython/alink/starts.py",
        "    if cause == machine.WDT_RESET or cause == machine.HARD_RESET:\n",
        "    if cause != machine.PWRON_RESET:\n",
        APPLICATION + " -k sensor_that_sleeps",
    ),
    Mutant(
        "an image without an application",
        "micropython/alink/job/slot_check.py",
        '    parts.ask("job.volume", "check", slot.part)\n',
        "",
        REFUSED + " -k without_an_application",
    ),
    Mutant(
        "a block that is half made outlives a lost link",
        "micropython/alink/job/aside.py",
        '        _flash(packed, "writeblocks", download.block)\n',
        "        pass\n",
        PACKED + " -k link_that_drops",
    ),
    Mutant(
        "what is in a package's block while an offer is judged",
        "micropython/alink/job/aside.py",
        '        _flash(packed, "readblocks", block)\n',
        "        pass\n",
        ASIDE,
    ),
    Mutant(
        "what comes goes behind what was in the block before",
        "micropython/alink/job/aside.py",
        "    packed.out.write(view)\n",
        "",
        ASIDE,
    ),
    Mutant(
        "an offer has the room of a package's block",
        "micropython/alink/job/aside.py",
        "    download.block = packed.block = None\n",
        "",
        ASIDE,
    ),
    Mutant(
        "the last block of a package that is wrong is not written",
        "micropython/alink/job/trouble.py",
        "        elif moved:\n",
        "        else:\n",
        "host_tests/device/t_unpack.py",
    ),
    Mutant(
        "a package that begins again keeps nothing",
        "micropython/alink/job/checkpoint.py",
        "        target.inflate = target.ring = target.out = target.theirs = None\n",
        "",
        ASIDE,
    ),
    Mutant(
        "the time of proof",
        "micropython/alink/after_reset/proving.py",
        "        if self.left > 0:\n",
        "        if False:\n",
        "host_tests/update/test_proof.py -k crashes_once",
    ),
    Mutant(
        "what is loaded for a while leaves no names",
        "micropython/alink/parts.py",
        '    __import__("vfs").mount(sys.modules[__name__], _ROOM)\n',
        "    _place = None\n",
        "host_tests/release/test_names.py",
    ),
    Mutant(
        "no table of modules lies in an application's room",
        "micropython/alink/parts.py",
        "    _grow(sys.modules)\n",
        "",
        "host_tests/release/test_names.py",
    ),
)
