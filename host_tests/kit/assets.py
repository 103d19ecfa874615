"""A board with two modules that are sets of files, and what becomes of a package for one."""

from __future__ import annotations

import random
from typing import Any

from host_tests.kit.rig import PK, Rig, app

# Shows the files of the set (names and sizes, or short contents) whenever it has come to rest. A
# set with a file "bad" fails its self-test; a job's custom data may tell what on_job() answers.
FILES = app(
    prologue="""
import machine
import os
from alink import FilesTarget
files = FilesTarget("/assets", 200000, wbits=12)

def listing(root, at=""):
    found = []
    for entry in os.ilistdir(root + at):
        path = at + "/" + entry[0]
        if entry[1] == 0x4000:
            found += listing(root, path)
        else:
            size = os.stat(root + path)[6]
            with open(root + path, "rb") as f:
                found.append("%s=%s" % (path[1:], size if size > 40 else f.read().decode()))
    return sorted(found)

def show(state):
    print("state", state)
    if state == "idle":
        print("files", files.version, " ".join(listing(files.path)) if files.path else "")

def good():
    if "crash" in os.listdir(files.path):
        1 / 0
    if "reset" in os.listdir(files.path):
        print("the self-test resets")
        machine.reset()
    return "bad" not in os.listdir(files.path)

def ask(job):
    return job.extra.get("answer")
""",
    options="on_job=ask, on_state=show",
    setup="""
updater.module("assets", files, files.version or "0", good)
updater.module("other", FilesTarget("/data/other"), "0")
""",
)
BIG = random.Random(1).randbytes(50_000)


class Assets:
    """A rig whose board has the modules "assets" and "other"."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        rig.cloud.faults.connects_per_minute = None
        rig.cloud.faults.uplink_qos1_per_s = None  # the next job comes as soon as one is over

    def shown(self) -> list[str]:
        """What the board has shown of its files so far, in lines that have ended."""
        lines = self.rig.board.console_text().split("\n")[:-1]
        return [line.removeprefix("files ").strip() for line in lines if line.startswith("files ")]

    def push(self, version: str, package: Any, *, module: str = "assets", **options: Any) -> None:
        """Release and push."""
        method = options.pop("sign_method", "Md5")
        self.rig.cloud.add_release(PK, version, package, module, method)
        self.rig.push(version, module=module, **options)

    def succeeds(self, version: str, package: Any, files: str, **options: Any) -> None:
        """The update ends well without a reset, and the board then has exactly these files."""
        boots = len(self.rig.board.boots)
        self.push(version, package, **options)
        self.rig.ends(version, "SUCCEEDED")
        self.rig.says(f"files {version} {files}\n")
        assert self.shown()[-1] == f"{version} {files}"
        assert len(self.rig.board.boots) == boots, "it restarted"

    def fails(self, version: str, package: Any, name: str, step: int, **options: Any) -> str:
        """The update fails by this error and step, said of the module; the files stay."""
        marks = len(self.rig.progress()), len(self.shown())
        before = self.shown()[-1]
        self.push(version, package, **options)
        desc = self.rig.ends(version, "FAILED")
        assert f" {name}: " in desc, desc
        assert len(desc) <= 128
        said = self.rig.progress()[marks[0] :]
        assert [int(p["step"]) for p in said if int(p["step"]) < 0] == [step]
        assert {p.get("module") for p in said} == {"assets"}
        self.rig.board.wait_for(lambda: len(self.shown()) > marks[1], what="the board at rest")
        assert self.shown()[-1] == before
        return desc
