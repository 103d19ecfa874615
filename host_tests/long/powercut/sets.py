"""The sets of files that the update "files" is about, and the application that has them."""

from __future__ import annotations

import random

from host_tests.kit.archives import tar, targz

MODULE = "assets"
FOLDER = "/assets"
EARLIER = ("f0", "f1")  # so that the recorded update finds both directories in use

APPLICATION = {
    # Reads its files at each start, as an application would, and says so when it is at rest.
    "prologue": f"""
import os
from alink import FilesTarget
files = FilesTarget("{FOLDER}", wbits=12)

def read(path):
    for entry in os.ilistdir(path):
        if entry[1] == 0x4000:
            read(path + "/" + entry[0])
        else:
            with open(path + "/" + entry[0], "rb") as f:
                f.read()

def look(state="idle"):
    if state == "idle" and files.path:
        read(files.path)
        print("files", files.version)
    return True

look()
""",
    "options": "on_state=look",
    "setup": f'updater.module("{MODULE}", files, files.version or "0", look)',
}


def files(version: str) -> dict[str, bytes]:
    """The files of a set: path -> content. No two versions have a file in common."""
    dice = random.Random(version)
    return {
        "web/index.html": dice.randbytes(300) * 4,
        f"web/{version}/small": dice.randbytes(20),
        "big.bin": dice.randbytes(9000),
        "plain.txt": dice.randbytes(100),
        f"raw/{version}.bin": dice.randbytes(5000),
    }


def package(version: str) -> list[tuple[str, bytes]]:
    """The set as a package of several files: an archive of each kind, and a file as it is."""
    content = files(version)
    raw = f"raw/{version}.bin"
    packed = {path: content[path] for path in content if path not in (raw, "plain.txt")}
    plain = tar({"plain.txt": content["plain.txt"]})
    return [("web.tar.gz", targz(packed)), ("plain.tar", plain), (raw, content[raw])]
