# Modules: parts of the board with a version of their own, beside the slot. MIT licence.

import time

from micropython import const

from . import errors, hooks, log
from .errors import AlinkError
from .job import DEFAULT_MODULE, valid_version
from .reports import Acknowledged

_MODULES_MAX = const(8)  # each reports at each sign-in: the platform takes ten reports a second
_AGAIN_MS = const(5000)  # between two reports of the running version, doubled each time
_AGAIN_MAX_MS = const(3600000)


class Module:
    """One part of the board that is updated by itself.

    name: str, as the platform knows it. target: begin(size, method, digest, chunk),
    write(chunk, n), finish(), activate(); these are optional: label and recall(chunk), where a
    download can be resumed after a reset; work(), True while write() has to wait, for what takes
    more than one step; take(version, index, name) before each download, without which a package
    has one file; confirm() after the self-test and revert() instead; drop() when a job is over.
    version: str, the one that is there. self_test: callable or None.
    """

    def __init__(self, name, target, version, self_test=None):
        self.name = name
        self.target = target
        self.version = version
        self.self_test = self_test
        self.inform = None  # the version report under way
        self._again_ms = _AGAIN_MS
        self._again_at = None

    def take(self, job, index):
        """Tell the target which file comes. Raises AlinkError(JOB_FORM) where it takes one."""
        if hasattr(self.target, "take"):
            self.target.take(job.version, index, job.files[index].name)
        elif len(job.files) > 1:
            raise AlinkError(errors.JOB_FORM, "several files")

    def install(self, version):
        """Activate what the target holds, try it, and keep it or go back.

        Raises AlinkError: MODULE_TEST, and what the target raises.
        """
        target = self.target
        target.activate()
        try:
            text = hooks.fault(self.self_test)
            if text is not None:
                raise AlinkError(errors.MODULE_TEST, text)
            if hasattr(target, "confirm"):
                target.confirm()
        except BaseException:
            if hasattr(target, "revert"):
                target.revert()
            raise
        log.info("%s: version %s is installed" % (self.name, version))
        self.version = version

    def drop(self):
        """The job is over: let the target go."""
        if hasattr(self.target, "drop"):
            self.target.drop()

    def may_repeat(self):
        """Whether the version, asked for once more, may be reported once more: less and less."""
        now = time.ticks_ms()
        # What seems to lie further ahead than it was set was days ago: ticks wrap.
        at = self._again_at
        if at is not None and 0 < time.ticks_diff(at, now) <= self._again_ms:
            return False
        self._again_at = time.ticks_add(now, self._again_ms)
        self._again_ms = min(2 * self._again_ms, _AGAIN_MAX_MS)
        return True


class Modules:
    """Every module of the board by name, the slot's ("default") first.

    Attribute informing: bool, whether a version report is under way.
    """

    def __init__(self, device, reports, slot):
        self.informing = False
        self._device = device
        self._reports = reports
        self._session = 0
        self._others = []
        self._by_name = {slot.name: slot}

    def add(self, module):
        """Add a module. Raises ValueError for a name or version that cannot be one."""
        if not valid_version(module.name) or module.name in self._by_name:
            raise ValueError("name: 1 to 64 of letters, digits, '.', '-', '_'; each once")
        if not valid_version(module.version):
            raise ValueError("version: 1 to 64 of letters, digits, '.', '-', '_'")
        if len(self._others) == _MODULES_MAX:
            raise ValueError("at most %d modules" % _MODULES_MAX)
        self._by_name[module.name] = module
        self._others.append(module)
        if self._session:
            self.again(module)  # the others have reported in this session

    def get(self, name):
        """The module `name` (str), or None."""
        return self._by_name.get(name)

    def names(self):
        """The names of all modules, the slot's first (list of str)."""
        return [DEFAULT_MODULE] + [module.name for module in self._others]

    def again(self, module):
        """Report a module's version (once more)."""
        self.informing = True
        module.inform = Acknowledged(
            self._device, lambda: self._reports.version(module.version, module.name)
        )

    @property
    def due(self):
        """Whether step() has anything to do: after each sign-in, and after again()."""
        if not self._others or not self._device.connected:
            return False
        return self._device.session != self._session or self.informing

    def step(self):
        """Do the next of the reports; True when the gateway has just taken the last one."""
        if self._device.session != self._session:
            self._session = self._device.session
            for module in self._others:
                self.again(module)
        for module in self._others:
            if module.inform is not None:
                if not module.inform.done():
                    return False
                module.inform = None
                break
        self.informing = any(module.inform is not None for module in self._others)
        return not self.informing
