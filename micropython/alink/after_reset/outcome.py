# A trial's record was found: is it running, and if it is over, what has it come to? MIT licence.

import esp32
import machine
from micropython import const

from .. import log, parts, record, trial
from ..errors import AlinkError
from ..nvs import hint

_AGAIN = const(2)  # it was interrupted: check the slot, boot it again, report nothing
_LATER = const(3)  # it never got a link: as _AGAIN, but once there has been a link for a while
_FAILED = const(4)  # it fell

_IN_A_ROW = const(5)  # interruptions, or trials without a link, that count as a failure

_E_BOOT_REFUSED = const(67)
_E_TRIAL_CRASHED = const(90)
_E_TRIAL_TIMEOUT = const(91)
_E_TRIAL_WATCHDOG = const(92)
_E_TRIAL_SELF_TEST = const(93)
_E_TRIAL_PANIC = const(94)
_E_TRIAL_INTERRUPTED = const(95)
_E_TRIAL_NO_LINK = const(96)
_E_TRIAL_VERSION = const(99)
_E_TRIAL_NO_UPDATES = const(101)


_CAUSES = {
    machine.PWRON_RESET: "power-on",
    machine.HARD_RESET: "reset",
    machine.WDT_RESET: "watchdog",
    machine.DEEPSLEEP_RESET: "deep sleep",
    machine.SOFT_RESET: "soft reset",
}


def look(up, store, fell):
    """What the record in `store` (nvs.Store of JOURNAL) asks for.

    Begins the check of an interrupted trial by itself (up.run). fell: what the platform does not
    know yet of an earlier trial, list or None. Returns the record of a trial that runs, or is put
    off (dict or None), and what is to be told then.
    """
    found = record.load(store)
    if found is None:
        # In the form of another alink. On trial (somebody else's set_boot()) the image has to
        # prove itself all the same.
        return None, fell
    if found["slot"] == esp32.Partition(esp32.Partition.RUNNING).info()[4]:
        if trial.running():
            if found["version"] != up.version:
                # The job would never be done: offered, fetched and tried again for ever.
                trial.watch().fail("version it says " + up.version)
            return found, fell
        # Power failed between marking it valid and forgetting the trial.
        record.clear(store)
        return None, fell
    state = found.get("next")
    if state is None:
        cause = machine.reset_cause()
        boots = store.get_int("boots")
        if not boots and not store.get_int("armed"):
            boots = -1
        end = store.get_text("end", "")
        state, code = verdict(found, end, cause, boots)
        if state == _FAILED:
            why = _CAUSES.get(cause) or "cause %s" % cause
            words = found["version"], max(boots, 0), why, end.partition(" ")[2]
            detail = ("%s fell (boots %d, %s) %s" % words).rstrip()
            return None, _failed(up, store, found, code, detail)
        # Written down, so that one ended trial is counted once. (Decided before, and no trial run
        # since: what a later reset was does not matter.)
        found["next"] = state
        hint(record.save, store, found)
    if state == _LATER:
        return found, fell
    up.run = parts.use("job.again").Again(up, store, found)
    return None, fell


def _failed(up, store, found, code, detail):
    error = up.error = AlinkError(code, detail)
    log.info("back from a trial:", error)
    fell = [error.step, error.text(128), found["module"], found["key"]]
    # Set, not added to: a power cut in here may make it happen twice.
    parts.ask("attempts", "put", store, found["key"], found["attempts"] + 1)
    hint(store.set_json, "fell", fell)
    record.clear(store)
    return fell


def verdict(record, end, cause, boots):
    """-> (_AGAIN, _LATER or _FAILED; the error's code, or 0). Pure: no flash, no clock.

    record: dict, the trial's (record.py); its counters `power` and `no_link` are counted up.
    end: str, how the trial said that it ended ("crash ValueError: ..."), "" if it could not.
    cause: int, machine.reset_cause() of the start after it. boots: int, starts of its image; -1:
    it was not to start yet, set_boot() had not done its work.

    Without a word from the trial only a hard reset and a watchdog prove something, and only once
    the image was to start. A power cut, a soft reset or deep sleep of the old image, and what the
    firmware has no name for (0: USB, JTAG, a glitch) are interruptions: the image gets its trial.
    """
    kind = end.partition(" ")[0]
    if kind == "no-link":
        return _counted(record, "no_link", _LATER, _E_TRIAL_NO_LINK)
    if kind == "timeout":
        return _FAILED, _E_TRIAL_TIMEOUT
    if kind == "self-test":
        return _FAILED, _E_TRIAL_SELF_TEST
    if kind == "version":
        return _FAILED, _E_TRIAL_VERSION
    if kind == "rehearsal":
        return _FAILED, _E_TRIAL_NO_UPDATES
    if kind:
        return _FAILED, _E_TRIAL_CRASHED
    if boots >= 0:
        if cause == machine.WDT_RESET:
            return _FAILED, _E_TRIAL_WATCHDOG
        if cause == machine.HARD_RESET:
            return _FAILED, _E_TRIAL_PANIC if boots else _E_BOOT_REFUSED
    return _counted(record, "power", _AGAIN, _E_TRIAL_INTERRUPTED)


def _counted(record, name, state, code):
    record[name] += 1
    return (state, 0) if record[name] < _IN_A_ROW else (_FAILED, code)
