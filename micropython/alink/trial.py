# After a reset: am I on trial? Confirm, or fall back and say why. MIT licence.
#
# A new image runs on trial (PENDING_VERIFY) until confirm(). A reset before that makes the
# bootloader start the old image again, which finds the trial in the journal and decides here what
# it was: an interruption, to be tried again, or a failure, to be told to the platform.

import binascii
import sys

import esp32
import machine
from micropython import const

from . import errors
from .errors import AlinkError
from .journal import hint

NONE = const(0)  # nothing to do with a trial
RUNNING = const(1)  # this image is on trial
AGAIN = const(2)  # the trial was interrupted: check the slot, boot it again, report nothing
LATER = const(3)  # it never got a link: as AGAIN, but once there has been a link for a while
FAILED = const(4)  # it fell; `error` says why

IN_A_ROW = const(5)  # interruptions, or trials without a link, that count as a failure

_KEYS = ("trial", "boots", "end")
_FIELDS = (
    "version",
    "slot",
    "size",
    "method",
    "digest",
    "key",
    "module",
    "attempts",
    "power",
    "no_link",
)

_ENDS = {
    "crash": errors.TRIAL_CRASHED,
    "mount": errors.TRIAL_CRASHED,
    "timeout": errors.TRIAL_TIMEOUT,
    "self-test": errors.TRIAL_SELF_TEST,
}
_CAUSES = {
    machine.PWRON_RESET: "power-on",
    machine.HARD_RESET: "reset",
    machine.WDT_RESET: "watchdog",
    machine.DEEPSLEEP_RESET: "deep sleep",
    machine.SOFT_RESET: "soft reset",
}


def _boot():
    # boot.py's own object; None where something else started this image
    return sys.modules.get("alink_boot")


def running():
    """Whether the running image is on trial: till then the other slot is the only fallback."""
    boot = _boot()
    return boot is not None and boot.trial


def linked(up):
    """Tell the loader whether this image is signed in (bool)."""
    boot = _boot()
    if boot is not None:
        boot.linked(up)


def feed():
    """Feed the watchdog that the loader armed; without one does nothing."""
    boot = _boot()
    if boot is not None:
        boot.feed()


def confirm():
    """Mark the running image valid and end its trial. Raises AlinkError(FLASH)."""
    try:
        esp32.Partition.mark_app_valid_cancel_rollback()
    except OSError as e:
        raise AlinkError(errors.FLASH, "otadata: %s" % e) from None
    boot = _boot()
    if boot is not None:
        boot.confirmed()


def fail(kind, text=""):
    """On trial: leave `kind` ("self-test", ...) and `text` for the old image, and reset."""
    boot = _boot()
    if boot is not None:
        boot.fail(kind + " " + text)


def _complete(record):
    return isinstance(record, dict) and all(name in record for name in _FIELDS)


class Journal:
    """The trial's record in NVS, and what came of the trial when it is over.

    store: journal.Store of the namespace "alink_ota". state: NONE, RUNNING, AGAIN, LATER or
    FAILED. record: dict or None: version, from_version, slot, size, method, digest (hex), key,
    attempts (failed ones before), power and no_link (trials in a row that ended so). error:
    AlinkError when FAILED. boots: int, starts of the trial's image.
    """

    def __init__(self, store):
        self._store = store
        self.error = None
        self.state = NONE
        self.boots = store.get_int("boots")
        self.record = store.get_json("trial")
        if not _complete(self.record):
            self.record = None  # none, or in the form of another alink
            if running():
                # Somebody else's set_boot(), or NVS was lost: it has to prove itself all the same.
                self.state = RUNNING
            return
        ours = esp32.Partition(esp32.Partition.RUNNING).info()[4]
        if self.record["slot"] == ours:
            if running():
                self.state = RUNNING
            else:
                # Power failed between marking it valid and forgetting the trial.
                self.clear()
            return
        self._decide(machine.reset_cause(), store.get_text("end", ""))

    def _decide(self, cause, end):
        record = self.record
        # Decided before, and no trial has run since: what this reset was does not matter.
        if record.get("next") is not None:
            self.state = record["next"]
            return
        kind, _, text = end.partition(" ")
        if kind == "no-link":
            record["no_link"] += 1
            if record["no_link"] < IN_A_ROW:
                self.state = LATER
                return
            code = errors.TRIAL_NO_LINK
        elif kind:
            code = _ENDS.get(kind, errors.TRIAL_CRASHED)
        elif cause == machine.PWRON_RESET:
            record["power"] += 1
            if record["power"] < IN_A_ROW:
                self.state = AGAIN
                return
            code = errors.TRIAL_POWER
        elif cause == machine.WDT_RESET:
            code = errors.TRIAL_WATCHDOG
        elif self.boots == 0:
            code = errors.BOOT_REFUSED
        else:
            code = errors.TRIAL_PANIC
        self.state = FAILED
        self.error = AlinkError(code, self._detail(cause, text))

    def _detail(self, cause, text):
        cause = _CAUSES.get(cause) or "cause %s" % cause
        detail = "%s fell (boots %d, %s)" % (self.record["version"], self.boots, cause)
        return detail + (" " + text if text else "")

    def arm(self, job, from_version, slot, attempts):
        """Write down that `job` (Job) is about to start its trial in `slot` (label, str).

        Raises AlinkError(NVS): without it an interruption could not be told from a failure.
        """
        image = job.files[0]
        self._save(
            {
                "version": job.version,
                "from_version": from_version,
                "slot": slot,
                "size": image.size,
                "method": image.method,
                "digest": binascii.hexlify(image.digest).decode(),
                "key": job.key,
                "module": job.module,
                "attempts": attempts,
                "power": 0,
                "no_link": 0,
            }
        )

    def remember(self):
        """Write down the decision AGAIN or LATER, so that one ended trial is counted once."""
        self.record["next"] = self.state
        hint(self._save, self.record)

    def arm_again(self):
        """Write down that the slot, checked, is about to start its trial once more.

        Raises AlinkError(NVS).
        """
        self.record.pop("next", None)
        self._save(self.record)

    def _save(self, record):
        # The record last: a power cut before it leaves the earlier record without an ending, which
        # reads as an interruption and is tried again.
        self.record = record
        self._store.erase("boots", "end")
        self._store.set_json("trial", record)

    def clear(self):
        """Forget the trial: it is over and what came of it is known."""
        # The record first: what is left of the others is erased before the next trial.
        hint(self._store.erase, *_KEYS)
        self.record = None
        self.state = NONE
