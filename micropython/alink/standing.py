# What the platform hears about the running software after each sign-in. MIT licence.

from . import hooks, log, trial
from .journal import hint
from .reports import Acknowledged


class Standing:
    """Self-test, version report, confirmation, then the verdict on an image that fell.

    In this order: what has been reported once counts as installed at the platform, so an image on
    trial passes its own test before, and is confirmed when the gateway has taken the report.

    journal: trial.Journal. attempts: journal.Attempts. store: journal.Store of "alink_ota".
    Attribute self_test: callable or None, the application's own check of an image on trial.
    """

    def __init__(self, device, reports, version, journal, attempts, store):
        self.self_test = None
        self._device = device
        self._reports = reports
        self._version = version
        self._journal = journal
        self._attempts = attempts
        self._store = store
        self._session = 0
        self._inform = None
        self._verdict = None
        kept = store.get_json("fell")  # step, desc, module, job key
        self._fell = kept if isinstance(kept, list) and len(kept) == 4 else None
        if journal.state == trial.FAILED:
            self._keep_verdict()

    def _keep_verdict(self):
        # Setting the count, not adding to it: a power cut in here may make it happen twice.
        record = self._journal.record
        error = self._journal.error
        log.info("back from a trial:", error)
        self._attempts.set(record["key"], record["attempts"] + 1)
        fell = [error.step, error.desc(), record["module"], record["key"]]
        self._fell = fell
        hint(self._store.set_json, "fell", fell)
        self._journal.clear()

    @property
    def due(self):
        """Whether step() has anything to do."""
        return (
            self._device.session != self._session
            or self._inform is not None
            or self._verdict is not None
        )

    @property
    def informing(self):
        """Whether a version report is under way."""
        return self._inform is not None

    def condemns(self, key):
        """Whether the job `key` fell and the platform does not know yet: it may still offer it."""
        return self._fell is not None and self._fell[-1] == key

    def again(self):
        """Report the version once more."""
        self._inform = Acknowledged(self._device, self._send_version)

    def step(self):
        """Do the next of the reports; True when the gateway has just taken the version report."""
        device = self._device
        trial.linked(device.connected)
        if not device.connected:
            return False
        if device.session != self._session:
            self._session = device.session
            if trial.running() and not self._passes():
                return False  # on a board it does not come back from that
            self.again()
        if self._inform is not None:
            if not self._inform.done():
                return False
            self._inform = None
            if trial.running():
                # CONNACK, SUBACK and the PUBACK of the version report are in.
                self._confirm()
            self._load_verdict()
            return True
        if self._verdict is not None and self._verdict.done():
            hint(self._store.erase, "fell")
            self._verdict = None
            self._fell = None
        return False

    def _send_version(self):
        return self._reports.version(self._version)

    def _passes(self):
        text = hooks.fault(self.self_test)
        if text is not None:
            trial.fail("self-test", text)
        return text is None

    def _confirm(self):
        trial.confirm()
        if self._journal.record is not None:
            self._attempts.set(self._journal.record["key"], 0)
        self._journal.clear()
        log.info("version %s is confirmed" % self._version)

    def _load_verdict(self):
        if self._fell is not None and self._verdict is None:
            self._verdict = Acknowledged(self._device, self._send_verdict)

    def _send_verdict(self):
        step, desc, module, _ = self._fell
        return self._reports.step(step, desc, module, 1)
