"""Run a piece of device code under real MicroPython (the unix port), as its own process."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from host_tests.kit import compiled_tree
from tools.sim import interpreter

ROOT = Path(__file__).resolve().parents[2]
SIM = ROOT / "tools" / "sim" / "device"
DEVICE_PATH = (ROOT / "micropython", SIM, SIM / ".frozen")


def weighs(source: str) -> bool:
    """Whether a piece of device code weighs the heap: what it loads comes from source then."""
    return "gc.mem_" in source


class DeviceFailed(AssertionError):
    """The interpreter ended with an error; the text holds everything it printed."""


def command(script: str | Path, *args: str, heap_kib: int | None = None) -> tuple[str, ...]:
    """The command line that runs a script file with args, in a heap of heap_kib KiB.

    Raises interpreter.NoInterpreter when there is no MicroPython.
    """
    heap = () if heap_kib is None else ("-X", f"heapsize={heap_kib}k")
    return (*interpreter.command(), *heap, str(script), *args)


def environment(
    first: Sequence[Path] = (), extra: Mapping[str, str] | None = None, *, plain: bool = False
) -> dict[str, str]:
    """os.environ with the module path of a board: `first`, the package, the sim, frozen.

    plain: the package and the sim as source, not compiled beforehand.
    """
    places = DEVICE_PATH if plain else map(compiled_tree.place, DEVICE_PATH)
    path = [*(str(folder) for folder in (*first, *places)), ".frozen"]
    return {**os.environ, "MICROPYPATH": ":".join(path), **(extra or {})}


def run_device(
    script: str | Path,
    *args: str,
    heap_kib: int | None = None,
    first: Sequence[Path] = (),
    env: Mapping[str, str] | None = None,
    timeout_s: float = 300,
) -> str:
    """Run device code to its end and return what it printed (stdout and stderr together).

    script: source text, or the Path of a file. args: its sys.argv[1:], each below 256 characters
    (the interpreter dies of a longer one: pass a file instead). heap_kib: size of the
    MicroPython heap (unix port's own default otherwise). first: folders put in front of the
    module path. env: further environment variables. Raises DeviceFailed, with the output, when
    it ends with an error or not within timeout_s seconds.
    """
    with tempfile.TemporaryDirectory(prefix="device-") as folder:
        if isinstance(script, str):
            file = Path(folder) / "script.py"
            file.write_text(script, encoding="utf-8")
        else:
            file = script
        try:
            done = subprocess.run(
                command(file, *args, heap_kib=heap_kib),
                env=environment(first, env, plain=weighs(file.read_text(encoding="utf-8"))),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            said = (late.stdout or b"").decode(errors="replace")
            raise DeviceFailed(f"still running after {timeout_s} s; it said:\n{said}") from late
    output = done.stdout.decode(errors="replace")
    if done.returncode:
        raise DeviceFailed(f"ended with {done.returncode}; it said:\n{output}")
    return output
