# Parts of the board with a version of their own, beside the slot. MIT licence.
#
# Loaded by the first Updater.module().

from micropython import const

from . import log, parts
from .errors import AlinkError
from .target import Target

_E_MODULE_TEST = const(97)

_MODULES_MAX = const(8)  # each reports at each sign-in: the platform takes ten reports a second


class Module:
    """One part of the board that is updated by itself.

    name: str, as the platform knows it. target: Target. version: str, the one that is there.
    self_test: callable or None.
    """

    def __init__(self, name, target, version, self_test):
        self.name = name
        self.target = target
        self.version = version
        self.self_test = self_test
        self.repeated = None  # see Updater

    def install(self, version):
        """Activate what the target holds, try it, and keep it or go back.

        Raises AlinkError: MODULE_TEST, and what the target raises.
        """
        target = self.target
        target.activate()
        try:
            text = parts.ask("proof", "fault", self.self_test)
            if text is not None:
                raise AlinkError(_E_MODULE_TEST, text)
            target.confirm()
        except BaseException:
            target.revert()
            raise
        log.info("%s: version %s is installed" % (self.name, version))
        self.version = version


def add(up, name, target, version, self_test):
    """Add a module to `up` (Updater). Raises ValueError for what cannot be one."""
    versions = parts.use("versions")  # (Let go with what is read of a job.)
    taken = [module.name for module in up.modules] + ["default"]
    if not versions.valid(name) or name in taken:
        raise ValueError("name: 1 to 64 of letters, digits, '.', '-', '_'; each once")
    if not versions.valid(version):
        raise ValueError("version: 1 to 64 of letters, digits, '.', '-', '_'")
    if not isinstance(target, Target):
        raise ValueError("target: derive it from alink.Target, which has what you leave out")
    if len(up.modules) == _MODULES_MAX:
        raise ValueError("at most %d modules" % _MODULES_MAX)
    up.modules.append(Module(name, target, version, self_test))
    if up.greeted:
        # The others have reported in this session.
        parts.use("hello").say(up, version, name)
