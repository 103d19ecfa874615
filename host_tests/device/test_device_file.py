"""Device tests share an interpreter, and are told one by one for all that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.kit.device_file import DeviceInterpreter
from host_tests.kit.device_process import DeviceFailed

_FILE = """
import os, sys
import helper

def test_first():
    helper.changed = True
    sys.path.append("/nowhere")
    open("mine", "w").close()

def test_second():
    assert not hasattr(helper, "changed"), "what another test loaded is still there"
    assert "/nowhere" not in sys.path
    assert "mine" not in os.listdir()

def test_fails():
    assert 1 == 2, "the sum is wrong"

def test_hangs():
    print("round and round")
    while True:
        pass

def test_dies():
    print("good bye")
    os.system("kill -9 $PPID")

def test_skips():
    raise SystemExit("SKIP: no network")
"""


@pytest.fixture
def one(tmp_path: Path) -> Iterator[DeviceInterpreter]:
    (tmp_path / "t_some.py").write_text(_FILE)
    (tmp_path / "helper.py").write_text("")
    one = DeviceInterpreter(tmp_path / "t_some.py")
    yield one
    one.close()


def test_tests_of_a_file_share_an_interpreter_and_nothing_else(one: DeviceInterpreter) -> None:
    for name in ("test_first", "test_second", "test_first"):
        assert one.run(name) == f"PASSED {name}"
    assert one.run("test_skips") == "SKIP: no network"
    assert one.starts == 1


@pytest.mark.parametrize(
    ("name", "said", "timeout_s"),
    [
        ("test_fails", "the sum is wrong", 60.0),
        ("test_hangs", "still running after 0.5 s", 0.5),
        ("test_dies", "ended with -9; it said:\ngood bye", 60.0),
    ],
)
def test_one_that_fails_hangs_or_dies_is_told_and_those_behind_it_run(
    one: DeviceInterpreter, name: str, said: str, timeout_s: float
) -> None:
    one.run("test_first")
    with pytest.raises(DeviceFailed) as told:
        one.run(name, timeout_s)
    assert said in str(told.value)
    assert one.run("test_second") == "PASSED test_second"
    assert one.starts == 2


def test_a_file_that_weighs_the_heap_gets_a_new_one_each_time(tmp_path: Path) -> None:
    (tmp_path / "t_heap.py").write_text("import gc\ndef test_it():\n    gc.mem_alloc()\n")
    one = DeviceInterpreter(tmp_path / "t_heap.py")
    assert one.run("test_it") == one.run("test_it") == "PASSED test_it"
    assert one.starts == 2
