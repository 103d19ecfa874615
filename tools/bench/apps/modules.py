# bench: heap of each module of the package, in an order in which none brings another. MIT licence.
# argv: the modules, the face of the package last.

import gc
import json
import sys

import esp32  # noqa: F401
import machine  # noqa: F401
import requests  # noqa: F401
import umqtt.simple  # noqa: F401

found = []
gc.collect()
for name in sys.argv[1:]:
    gc.collect()
    before = gc.mem_alloc()
    __import__(name)
    gc.collect()
    found.append((name, gc.mem_alloc() - before))
print("bench modules", json.dumps(found))
