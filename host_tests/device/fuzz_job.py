# Upgrade messages of any form into offer.parse(). MIT licence.

import binascii
import json
import sys

from alink.job import offer
from fuzz_common import Run

run = Run()


def one(data):
    try:
        found = offer.parse(data[1:], bool(data[0] & 1))
    except offer.BadJob as exc:
        if not -4 <= exc.step < 0 or len(exc.text(128)) > 128 or not isinstance(exc.module, str):
            run.bad("an error that cannot be reported: %r" % (exc.args,))
        return
    except MemoryError:
        return  # 8 KB of brackets: the Updater gives it its name
    if found is None:
        print("GOT", run.index, "null")
        return
    file = found.files[0]
    told = [found.version, found.module, file.size, file.method, file.url]
    told.append(binascii.hexlify(file.digest).decode())
    assert found.key.startswith(found.module + "/")
    print("GOT", run.index, json.dumps(told))


run.all(sys.argv[1], one)
