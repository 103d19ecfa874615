"""make mutate: take each step of an update out of the device code, and each guard; who notices?

Each mutant is a copy of the tree with one piece of text replaced; the nine steps' tests run on it,
or those that are named for it.
Ends with 1 when a mutant survives, or when a replacement no longer fits the code.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
STEPS = "host_tests/update/test_steps.py"
OUTCOME = "host_tests/device/t_outcome.py"
VERDICT = "host_tests/update/test_verdict.py"
SIGNED = "host_tests/update/test_signed.py"
APPLICATION = "host_tests/update/test_application.py"
REFUSED = "host_tests/update/test_refused.py"
PACKED = "host_tests/update/test_packed.py"
LIMIT_S = 300


@dataclass(frozen=True)
class Mutant:
    """One step taken out: `old` in micropython/`file` becomes `new`; `tests` run on it."""

    step: str
    file: str
    old: str
    new: str
    tests: str = STEPS


MUTANTS = (
    Mutant(
        "1a connect",
        "alink/device.py",
        '                self._link = parts.ask("signin.connect", "connect", self)\n',
        "                pass\n",
    ),
    Mutant(
        "1b subscribe",
        "alink/updater.py",
        '        device.subscribe("/ota/device/upgrade/" + own, self._pushed)\n',
        "",
    ),
    Mutant(
        "2 report the version",
        "alink/hello.py",
        '            self.add(up.version, "default")\n',
        "",
    ),
    Mutant(
        "3 query",
        "alink/hello.py",
        "                up.asked[module] = reports.query(up.device, module)\n",
        "                pass\n",
    ),
    Mutant(
        "4 take up the job",
        "alink/job/gate.py",
        "    # It begins with its first step, when this is out of RAM.\n",
        "    return\n",
    ),
    Mutant(
        "5 download",
        "alink/job/moving.py",
        "    download.target.write(download.block, n)\n",
        "",
    ),
    Mutant(
        "6 validate",
        "alink/job/waiting.py",
        "    if found != file.digest:\n",
        "    if False:\n",
    ),
    Mutant(
        "7 report 100",
        "alink/job/run.py",
        "            elif self.closing.done() or (\n",
        "            elif state == _STORED or self.closing.done() or (\n",
    ),
    Mutant("8 restart", "alink/job/restart.py", "    machine.reset()\n", ""),
    Mutant("9 sign off", "alink/job/restart.py", "    up.device.disconnect()\n", ""),
    Mutant(
        "verdict: no link is counted",
        "alink/after_reset/outcome.py",
        "        return _counted(record, kind, LATER, _E_TRIAL_NO_LINK)\n",
        "        return LATER, 0\n",
        OUTCOME,
    ),
    Mutant(
        "verdict: it did not confirm in time",
        "alink/after_reset/outcome.py",
        '    if kind == "timeout":\n',
        '    if kind == "never":\n',
        OUTCOME,
    ),
    Mutant(
        "verdict: its self-test",
        "alink/after_reset/outcome.py",
        '    if kind == "self-test":\n',
        '    if kind == "never":\n',
        OUTCOME,
    ),
    Mutant(
        "verdict: its version",
        "alink/after_reset/outcome.py",
        '    if kind == "version":\n',
        '    if kind == "never":\n',
        OUTCOME,
    ),
    Mutant(
        "the version check",
        "alink/after_reset/outcome.py",
        '            if found["version"] != up.version:\n',
        "            if False:\n",
        VERDICT,
    ),
    Mutant(
        "verdict: no later update could be fetched",
        "alink/after_reset/outcome.py",
        '    if kind == "rehearsal":\n',
        '    if kind == "never":\n',
        OUTCOME,
    ),
    Mutant(
        "the rehearsal of the next download",
        "alink/after_reset/standing.py",
        '        if text is None:\n            text = parts.ask("after_reset.rehearsal"',
        '        if False:\n            text = parts.ask("after_reset.rehearsal"',
        "host_tests/update/test_hidden.py",
    ),
    Mutant(
        "verdict: it said that it crashed",
        "alink/after_reset/outcome.py",
        "    if kind:\n",
        "    if False:\n",
        OUTCOME,
    ),
    Mutant(
        "verdict: watchdog",
        "alink/after_reset/outcome.py",
        "    if boots >= 0 and cause == machine.WDT_RESET:\n",
        "    if cause == machine.WDT_RESET:\n",
        OUTCOME,
    ),
    Mutant(
        "verdict: hard reset",
        "alink/after_reset/outcome.py",
        "    if boots >= 0 and cause == machine.HARD_RESET:\n",
        "    if boots >= 0 and cause != machine.PWRON_RESET:\n",
        OUTCOME,
    ),
    Mutant(
        "verdict: it never started",
        "alink/after_reset/outcome.py",
        "_E_TRIAL_PANIC if boots else _E_BOOT_REFUSED\n",
        "_E_TRIAL_PANIC\n",
        OUTCOME,
    ),
    Mutant(
        "verdict: interruptions are counted",
        "alink/after_reset/outcome.py",
        '    return _counted(record, "power", AGAIN, _E_TRIAL_INTERRUPTED)\n',
        "    return AGAIN, 0\n",
        OUTCOME,
    ),
    Mutant(
        "set_boot() was not done",
        "alink/after_reset/outcome.py",
        '        if not boots and not store.get_int("armed"):\n',
        "        if False:\n",
        VERDICT,
    ),
    Mutant(
        "a trial put off whose job is offered no more",
        "alink/job/again.py",
        "        up.after.overtaken()\n",
        "        pass\n",
        f"{VERDICT} -k cancelled",
    ),
    Mutant(
        "downloads that resets end are counted",
        "alink/attempts.py",
        "    if times >= _BEGINNINGS:\n",
        "    if False:\n",
        "host_tests/update/test_resume.py -k same_place",
    ),
    Mutant(
        "a download that gets further is not counted",
        "alink/attempts.py",
        "    if at > most:\n",
        "    if False:\n",
        "host_tests/update/test_resume.py -k gets_further",
    ),
    Mutant(
        "gate: the loader",
        "alink/job/gate.py",
        "    if part is up and not up.loader_ok:\n",
        "    if False:\n",
        "host_tests/update/test_trial.py -k foreign_boot",
    ),
    Mutant(
        "gate: failed attempts",
        "alink/job/gate.py",
        "    if failed >= up.limits[0]:\n",
        "    if False:\n",
        "host_tests/update/test_refused.py -k fourth_time",
    ),
    Mutant(
        "gate: the signature",
        "alink/job/gate.py",
        "    error = _unsigned(up, job)\n    if error is not None:\n",
        "    error = None\n    if error is not None:\n",
        f"{SIGNED} -k 'without_a_signature or changes_the_job'",
    ),
    Mutant(
        "gate: a key that cannot be read",
        "alink/job/signed.py",
        '    raise AlinkError(_E_CONFIG, "sign_key cannot be read: %s" % error)\n',
        "    return None\n",
        f"{SIGNED} -k cannot_be_used",
    ),
    Mutant(
        "gate: the application's consent",
        "alink/job/gate.py",
        "    if wish is not True:\n",
        "    if False:\n",
        "host_tests/update/test_trial.py -k hooks_accept",
    ),
    Mutant(
        "gate: the signature of a job offered again",
        "alink/job/gate.py",
        "    error = _unsigned(up, job)\n    if error is None and",
        "    error = None\n    if error is None and",
        f"{SIGNED} -k under_way_again",
    ),
    Mutant(
        "gate: the files of a job offered again",
        "alink/job/gate.py",
        "    if error is None and _contents(job) == _contents(up.job):\n",
        "    if error is None:\n",
        f"{SIGNED} -k under_way_again",
    ),
    Mutant(
        "safe mode",
        "alink/starts.py",
        "        if bad >= _ROW:\n",
        "        if False:\n",
        APPLICATION + " -k another_try",
    ),
    Mutant(
        "safe mode: a start that lived is good",
        "alink/starts.py",
        "age * 1000 and age < _SET_S:\n",
        "age * 1000 and age < 0:\n",
        APPLICATION + " -k watchdog_hours",
    ),
    Mutant(
        "safe mode: deep sleep is healthy",
        "alink/starts.py",
        "    if cause == machine.WDT_RESET or cause == machine.HARD_RESET:\n",
        "    if cause != machine.PWRON_RESET:\n",
        APPLICATION + " -k sensor_that_sleeps",
    ),
    Mutant(
        "an image without an application",
        "alink/job/slot_check.py",
        '    parts.ask("job.volume", "check", slot.part)\n',
        "",
        REFUSED + " -k without_an_application",
    ),
    Mutant(
        "a block that is right already is left alone",
        "alink/job/slot.py",
        "                    return\n",
        "                    break\n",
        "host_tests/update/test_written.py",
    ),
    Mutant(
        "a block is compared to its end",
        "alink/job/slot.py",
        "                if i == _BLOCK // _PART:\n",
        "                if i == 1:\n",
        "host_tests/update/test_written.py",
    ),
    Mutant(
        "a difference is to what runs",
        "alink/job/origin.py",
        "            if packed.found.digest() != packed.wanted:\n",
        "            if False:\n",
        PACKED + " -k another_release",
    ),
    Mutant(
        "a package makes the image that its head tells of",
        "alink/job/aside.py",
        "    if packed.digest.digest() != download.target.digest:\n",
        "    if False:\n",
        PACKED + " -k has_a_name",
    ),
    Mutant(
        "nothing is read behind the source of a difference",
        "alink/job/patch.py",
        "    if op != _INSERT and n > packed.source - packed.at:\n",
        "    if False:\n",
        "host_tests/long/test_fuzz_short.py -k package",
    ),
    Mutant(
        "nothing of a difference is made behind its image",
        "alink/job/patch.py",
        "    if n > room:\n",
        "    if False:\n",
        PACKED + " -k has_a_name",
    ),
    Mutant(
        "nothing stands behind a package's stream",
        "alink/job/unpack.py",
        "    if packed.ring.any() or download.offset < download.size:\n",
        "    if False:\n",
        PACKED + " -k has_a_name",
    ),
    Mutant(
        "a block that is half made outlives a lost link",
        "alink/job/aside.py",
        '        _flash(download, "writeblocks")\n',
        "        pass\n",
        PACKED + " -k link_that_drops",
    ),
    Mutant(
        "the time of proof",
        "alink/after_reset/standing.py",
        "        if self.left > 0:\n",
        "        if False:\n",
        "host_tests/update/test_proof.py -k crashes_once",
    ),
)


def copy_with(mutant: Mutant, folder: Path) -> Path:
    """A copy of the tree with the mutant in it."""
    tree = folder / "tree"
    skipped = shutil.ignore_patterns(".git", ".venv", ".cache", "build", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, tree, ignore=skipped)
    (tree / "micropython" / mutant.file).write_text(mutated(mutant))
    return tree


def mutated(mutant: Mutant) -> str:
    """The file's text with the replacement. Raises ValueError when its text is not there once."""
    file = ROOT / "micropython" / mutant.file
    text = file.read_text()
    if text.count(mutant.old) != 1:
        raise ValueError(
            f"{mutant.step}: its text is {text.count(mutant.old)} times in {file.name}"
        )
    return text.replace(mutant.old, mutant.new)


def caught_by(mutant: Mutant) -> list[str]:
    """The names of the tests that fail on the mutant."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = copy_with(mutant, Path(folder))
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-rfE",
                "--tb=no",
                "-p",
                "no:cacheprovider",
                *shlex.split(mutant.tests),
            ],
            cwd=tree,
            env={"PYTHONPATH": str(tree), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    return re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", done.stdout, re.MULTILINE)


def main() -> int:
    """Try every mutant, two at a time; 0 when each is caught."""
    out = Console(soft_wrap=True)
    table = Table(
        title="a step or a guard taken out, and the tests that notice", title_justify="left"
    )
    table.add_column("step")
    table.add_column("noticed by", overflow="fold")
    survivors = 0
    for mutant in MUTANTS:
        mutated(mutant)  # all of them fit the code, before the first one takes its time
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(caught_by, MUTANTS)
        for mutant, names in track(
            zip(MUTANTS, found, strict=True), "mutants", len(MUTANTS), console=out
        ):
            survivors += not names
            table.add_row(mutant.step, "\n".join(names) or "NOBODY")
    out.print(table)
    out.print(f"{len(MUTANTS) - survivors} caught, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
