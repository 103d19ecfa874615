# bench: heap of each module of the package, in an order in which none brings another. MIT licence.
# argv: the modules.

import gc
import json
import sys

import esp32  # noqa: F401
import machine  # noqa: F401
import network  # noqa: F401
import ntptime  # noqa: F401
import requests  # noqa: F401
import umqtt.simple  # noqa: F401
import version  # noqa: F401

names = sys.argv[1:]
found = [0] * len(names)
# The table of names doubles when it is full: it is made to grow before, not in some module.
count = 0
before = after = gc.mem_alloc()
while after - before < 12000:
    before = after
    hasattr(sys, "~%d" % count)
    count += 1
    gc.collect()
    after = gc.mem_alloc()
for at in range(len(names)):
    gc.collect()
    before = gc.mem_alloc()
    __import__(names[at])
    gc.collect()
    found[at] = gc.mem_alloc() - before
print("bench modules", json.dumps(found))
