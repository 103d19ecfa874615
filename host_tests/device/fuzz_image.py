# Heads of images into image.check(), for a board with chip 0 (ESP32). MIT licence.

import sys

from alink.errors import AlinkError
from alink.job import image
from fuzz_common import Run

run = Run()


def one(data):
    size = int.from_bytes(data[:4], "big")
    head = data[4:] + bytes(4096)
    try:
        image.check(bytearray(head[:4096]), size, 0)
        print("GOT", run.index, "true")
    except AlinkError as exc:
        if exc.step != -3 or len(exc.text(128)) > 128:
            run.bad("reported as step %d: %s" % (exc.step, exc.text(128)))
        print("GOT", run.index, "false")


run.all(sys.argv[1], one)
