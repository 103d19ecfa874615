"""Runs device tests on a board: the working tree's alink and the test files, over mpremote.

Both are compiled, and are in /alink_test on the board: on its own file system, where only what
changed is sent and all of it removed when the session ends; or, with --mount, in a folder of this
computer that mpremote shows the board, which writes nothing to its flash and takes about 9 KB of
its heap. Each test starts from a soft reset: a fresh interpreter, as on the unix port.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from host_tests.kit.device_process import ROOT, DeviceFailed
from tools.cli import Refused
from tools.flashing.link import Link
from tools.flashing.refusals import BoardFailed
from tools.flashing.verbs.deploy import NoRoom, sync
from tools.images.compile import compile_mpy

FOLDER = "/alink_test"
_QUIET_S = 120.0  # the longest a test may say nothing: a board is a hundred times slower

# What cannot run on a board, by file, or by file and function.
_SLOTS = "holds two slots in RAM, which a chip without PSRAM has no room for"
CANNOT: dict[str, str] = {
    "t_aside": _SLOTS,
    "t_origin": _SLOTS,
    "t_package": _SLOTS,
    "t_patch": _SLOTS,
    "t_slot_check": _SLOTS,
    "t_slot_rest": _SLOTS,
    "t_unpack": _SLOTS,
    "t_volume": _SLOTS,
    "t_sim_time": "tests the sim's clock, which a board does not have",
    "t_sim_umqtt": "tests the sim's umqtt, a board has the real one",
}

# As the unix port's runner in conftest.py, with the working tree in front of what is installed.
_RUNNER = """
import sys
sys.path.insert(0, FOLDER)
module = __import__(MODULE)
try:
    getattr(module, FUNCTION)()
except SystemExit as e:
    print(e.args[0] if e.args else "SKIP")
else:
    print("PASSED", FUNCTION)
"""


def cannot(module: str, function: str) -> str | None:
    """Why a test is skipped on boards, or None."""
    return CANNOT.get(module) or CANNOT.get(f"{module}.{function}")


class Metal:
    """The board of a pytest session; the connection is made with the first test.

    A test that uses the port by itself calls release() first.
    """

    def __init__(self, port: str, *, mount: bool = False) -> None:
        self.port = port
        self._link: Link | None = None
        self._loaded = False
        self._folder = tempfile.TemporaryDirectory(prefix="alink_test-") if mount else None

    def run(self, module: str, function: str) -> str:
        """Run one test function; what it printed. Raises DeviceFailed with the board's words."""
        try:
            link = self._connected()
            link.clean()
            if self._folder is not None:
                link.mount(Path(self._folder.name), FOLDER)
            return link.run(
                _RUNNER, FOLDER=FOLDER, MODULE=module, FUNCTION=function, timeout_s=_QUIET_S
            )
        except BoardFailed as exc:
            raise DeviceFailed(f"the board said:\n{exc.said}{exc.traceback}") from None
        except Refused as exc:
            self.release()
            raise DeviceFailed(str(exc)) from None

    def release(self) -> None:
        """Let go of the port; the board's own program runs again."""
        if self._link is not None:
            link, self._link = self._link, None
            link.__exit__(None, None, None)

    def close(self) -> None:
        """Take the tests off the board again."""
        if self._loaded and self._folder is None:
            try:
                link = self._connected()
                link.clean()
                sync(link, FOLDER, {})
                link.run("import os\nos.rmdir(p)", p=FOLDER)
            except Refused as exc:
                print(f"the tests are still on the board, in {FOLDER}: {exc}", file=sys.stderr)
        self.release()
        if self._folder is not None:
            self._folder.cleanup()

    def _connected(self) -> Link:
        if self._link is None:
            self._link = Link(self.port)
        if not self._loaded:
            if self._folder is None:
                self._link.clean()
                try:
                    sync(self._link, FOLDER, files())
                except NoRoom as exc:
                    raise NoRoom(exc.cause, "Run them with --mount.") from None
            else:
                for path, content in files().items():
                    there = Path(self._folder.name + path)
                    there.parent.mkdir(parents=True, exist_ok=True)
                    there.write_bytes(content)
            self._loaded = True
        return self._link


def files() -> dict[str, bytes]:
    """The package and the device tests, compiled: path below FOLDER -> content."""
    found = {}
    package = ROOT / "micropython"
    for source in sorted((package / "alink").rglob("*.py")):
        found[f"/{source.relative_to(package).with_suffix('.mpy')}"] = _compiled(source)
    for source in sorted((ROOT / "host_tests" / "device").glob("*.py")):
        wanted = source.stem.startswith("t_") or source.stem.endswith(("_fakes", "_maker"))
        if wanted and source.stem not in CANNOT:
            found[f"/{source.stem}.mpy"] = _compiled(source)
    return found


def _compiled(source: Path) -> bytes:
    return compile_mpy(source.read_bytes(), source.name, source)
