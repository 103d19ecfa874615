"""The host's programs. Without the project's environment each of them says so in a sentence."""

import os
import sys
from types import TracebackType

if sys.version_info < (3, 10):  # noqa: UP036 (whatever python3 is runs this file)
    sys.exit("alink: Python 3.10 or newer is needed, this is " + sys.version.split()[0])

_CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_before = sys.excepthook


def _told(kind: type[BaseException], error: BaseException, trace: "TracebackType | None") -> None:
    """One line for a package that is missing, and for Ctrl-C while everything is loaded."""
    if kind is KeyboardInterrupt:
        sys.stderr.write("alink: stopped by Ctrl-C\n")
        return
    package = error.name if isinstance(error, ModuleNotFoundError) and error.name else "tools"
    package = package.partition(".")[0]
    if package in ("tools", "host_tests"):
        _before(kind, error, trace)
        return
    todo = "Install alink again, with pip."
    if os.path.exists(os.path.join(_CHECKOUT, "Makefile")):
        todo = "Run make env, then .venv/bin/python in place of python."
    sys.stderr.write(f"alink: this Python has no package {package}. {todo}\n")


sys.excepthook = _told
