"""Collects device tests: every test_* function of host_tests/device/t_*.py, under MicroPython.

The files are MicroPython, not CPython, so pytest only reads the functions' names out of them;
those of a file run in one interpreter (kit/device_file.py). `raise SystemExit("SKIP: why")` skips.

    pytest host_tests                                 the unix port, and everything on the desk
    pytest host_tests --port P [--mount] [--wifi SSID[:PASSWORD]] [--host-ip A --firmware FILE]
                                                      the same device tests on a board, and whole
                                                      updates on it (host_tests/metal); no others
"""

from __future__ import annotations

import ast
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit import bytecode, compiled_tree, keys
from host_tests.kit.device_file import DeviceInterpreter
from host_tests.kit.device_process import ROOT, DeviceFailed
from host_tests.kit.whole_files import WholeFiles
from host_tests.metal.transport import Metal, cannot
from tools.images import compiled_cache
from tools.sim import interpreter

# What builds keep: shared by both workers, by the commands they run, and by the next run.
_KEPT = compiled_tree.KEPT
_KEPT_AT_MOST = 20_000  # files, of 1 KB or two; an edit of alink adds one or a hundred

_METAL = pytest.StashKey[Metal]()
_METAL_TESTS = Path(__file__).with_name("metal")

_INTERPRETER = pytest.StashKey[DeviceInterpreter]()


class DeviceFile(pytest.File):
    """One t_*.py: a list of test functions."""

    def collect(self) -> Iterator[pytest.Item]:
        """An item for each test function, in the order of the file."""
        for node in ast.parse(self.path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield DeviceTest.from_parent(self, name=node.name)


class DeviceTest(pytest.Item):
    """One test function, run under real MicroPython."""

    def runtest(self) -> None:
        """Run it; anything but its PASSED line is a failure."""
        metal = self.config.stash.get(_METAL, None)
        if metal is None:
            said = self._interpreter().run(self.name)
        else:
            why = cannot(self.path.stem, self.name)
            if why:
                pytest.skip(why)
            said = metal.run(self.path.stem, self.name)
        last = said.strip().rpartition("\n")[2]
        if last.startswith("SKIP"):
            pytest.skip(last.partition(":")[2].strip() or "the device said SKIP")
        if last != f"PASSED {self.name}":
            raise DeviceFailed(f"the test ended without a word: {last!r}")

    def _interpreter(self) -> DeviceInterpreter:
        """The one of this file: the same as for the test before, if that was of this file, too."""
        there = self.config.stash.get(_INTERPRETER, None)
        if there is None or there.path != self.path:
            if there is not None:
                there.close()
            there = self.config.stash[_INTERPRETER] = DeviceInterpreter(self.path)
        return there

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style=None) -> str:  # type: ignore[no-untyped-def]
        """The device's own output and traceback instead of pytest's."""
        if isinstance(excinfo.value, DeviceFailed):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo, style))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the test stands."""
        return self.path, 0, f"{self.path.stem}::{self.name}"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options for a board."""
    group = parser.getgroup("a board")
    group.addoption("--port", help="serial port of a board to run the device tests on")
    group.addoption(
        "--mount", action="store_true", help="device tests out of this computer, not its flash"
    )
    group.addoption("--wifi", metavar="SSID[:PASSWORD]", help="what the board joins")
    group.addoption("--host-ip", metavar="A", help="this computer's address, as the board sees it")
    group.addoption(
        "--firmware", metavar="FILE", help="the board's stock MicroPython, for updates"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Name the folder for what is built; with --port: the board of this session."""
    bytecode.keep()
    config.pluginmanager.register(bytecode.OneAfterAnother(config, _KEPT.with_name("collecting")))
    if not hasattr(config, "workerinput"):  # the first process of all, before there are others
        if sum(1 for _ in _KEPT.glob("*/*")) > _KEPT_AT_MOST:
            shutil.rmtree(_KEPT, ignore_errors=True)
        os.environ.setdefault(compiled_cache.NAME, str(_KEPT))
    # A shell's background job has Ctrl-C ignored, and so have all commands that it starts: tests
    # that send one would wait for ever.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.setdefault("ESPTOOL_CFGFILE", str(ROOT / "host_tests" / "kit" / "esptool.cfg"))
    keys.lend()
    compiled_tree.lend()
    port = config.getoption("--port")
    mount = config.getoption("--mount")
    if port:
        config.stash[_METAL] = Metal(port, mount=mount)
    elif mount:
        raise pytest.UsageError("--mount is for a board: name its --port")


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the interpreter of device tests; leave the board as it was."""
    there = config.stash.get(_INTERPRETER, None)
    if there is not None:
        there.close()
    metal = config.stash.get(_METAL, None)
    if metal is not None:
        metal.close()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What needs a board is not for the desk; with one, nothing else is wanted."""
    if _METAL not in config.stash:
        return True if collection_path == _METAL_TESTS else None
    if _METAL_TESTS in collection_path.parents:
        return None
    return True if collection_path.name.startswith("test_") else None


# The heaviest rooms first: what is left in the end is short, and both workers end together.
_ROOMS = ("long", "update", "flashing", "sim", "device")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests by their rooms' weight; within a room they stay as they are."""
    place = {room: number for number, room in enumerate(_ROOMS)}
    items.sort(key=lambda item: place.get(item.path.parent.name, len(place)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: two for each core, since a whole update is half waiting: a board's pauses."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return 2 * (cores or 1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> WholeFiles:
    """Heaviest rooms first, as they are ordered above; files that set something up as a whole."""
    config.option.loadscopereorder = False
    return WholeFiles(config, log)


@pytest.fixture
def metal(request: pytest.FixtureRequest) -> Metal:
    """The board of this session."""
    return request.config.stash[_METAL]


@pytest.fixture
def plain_sim(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boards load the sim from its sources, as a user's do: for tests that weigh their memory."""
    monkeypatch.setattr(interpreter, "DEVICE", compiled_tree.SOURCE)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> DeviceFile | None:
    """Take host_tests/device/t_*.py as device tests."""
    if file_path.name.startswith("t_") and file_path.suffix == ".py":
        return DeviceFile.from_parent(parent, path=file_path)
    return None


class _NotPython(pytest.File):
    """What pytest's own collector gets for a device file named on the command line: nothing."""

    def collect(self) -> Iterator[pytest.Item]:
        return iter(())


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Collector | None:
    """Keep pytest from importing MicroPython files into CPython."""
    if module_path.name.startswith("t_"):
        return _NotPython.from_parent(parent, path=module_path)
    return None
