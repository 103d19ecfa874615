# Archives into FilesTarget, whole ones and ones with something changed. MIT licence.

import binascii
import hashlib
import os
import sys

from alink import FilesTarget, parts
from alink.errors import AlinkError
from fuzz_common import Run

HERE = os.getcwd()
_CHUNK = 4096
_STEPS_MAX = 4000  # of 1 KiB each, for max_size and what surrounds it

run = Run()
chunk = bytearray(_CHUNK)


# (Also in kit/assets.py, on purpose: that is in the text of an application.)
def below(root, at=""):
    """[[path, digest], ...] of the files below root."""
    found = []
    for entry in os.ilistdir(root + at):
        path = at + "/" + entry[0]
        if entry[1] == 0x4000:
            found += below(root, path)
        else:
            with open(root + path, "rb") as f:
                digest = hashlib.sha256(f.read()).digest()
            found.append([path[1:], binascii.hexlify(digest).decode()])
    return found


def unpack(target, body):
    steps = 0
    target.take("2", 0, "", 1)
    target.begin(len(body), "md5", b"", chunk)
    for at in range(0, len(body), _CHUNK):
        while target.work():
            steps += 1
        piece = body[at : at + _CHUNK]
        chunk[: len(piece)] = piece
        target.write(chunk, len(piece))
    while not target.finish():
        steps += 1
        if steps > _STEPS_MAX:
            run.bad("unpacked without an end")
            return


def one(body):
    target = FilesTarget(HERE + "/set", 100000, wbits=12, max_members=20)
    kept = target.path and below(target.path)
    try:
        unpack(target, body)
    except AlinkError as exc:
        if exc.step not in (-3, -4) or len(exc.text(128)) > 128:
            run.bad("reported as step %d: %s" % (exc.step, exc.text(128)))
        print("GOT", run.index, "null")
    else:
        target.activate()
        print("GOT", run.index, repr(sorted(below(target.path))).replace("'", '"'))
        target.revert()
    target.drop()
    if sorted(os.listdir(HERE)) != before:
        run.bad("left the folder: %s" % os.listdir(HERE))
    if (target.path and below(target.path)) != kept:
        run.bad("the old files are not what they were")


while parts.ask("files.tree", "erase_step", HERE + "/set"):
    pass
os.mkdir(HERE + "/set")
os.mkdir(HERE + "/set/a")
with open(HERE + "/set/a/old", "wb") as f:
    f.write(b"old")
with open(HERE + "/set/current", "wb") as f:
    f.write(b"a 1")
before = sorted(os.listdir(HERE))
run.all(sys.argv[1], one)
