# How a run comes to its good end: stored, or installed. MIT licence.
#
# Functions of the Run (run.py), loaded for it and let go.

import binascii

from micropython import const

from .. import log, parts
from ..errors import AlinkError
from ..nvs import JOURNAL, SETTINGS, Store, hint

_INSTALLING = const(3)
_TELLING = const(4)
_STORED = const(5)

_BLOCK = const(4096)


def turn(run):
    """The target has taken the file: the next one, or the end."""
    job = run.job
    if run.index + 1 < len(job.files):
        run.before += job.files[run.index].size
        run.turn("starting", "start_file", run.index + 1)
    elif run.part is None:
        _store(run)
    else:
        _install(run)


def _install(run):
    # Counted before it is tried: what resets the board in its self-test has failed, too.
    up = run.up
    part = run.part
    version = run.job.version
    parts.ask("attempts", "more", Store(JOURNAL), run.job.key)
    run.turn("moves", "go", _INSTALLING)
    up.set_state("installing")
    part.install(version)
    parts.ask("attempts", "put", Store(JOURNAL), run.job.key, 0)
    hint(Store(JOURNAL).erase, "begun", "link")
    parts.ask("job.checkpoint", "clear", run.fetch.nvs)
    run.target.drop()
    up.call(up.on_progress, 100)
    run.tell(100, "installed")
    run.turn("moves", "go", _TELLING)
    parts.use("hello").say(up, version, part.name)


def _store(run):
    up = run.up
    job = run.job
    image = job.files[0]
    size, method, digest = run.target.holds or (image.size, image.method, image.digest)
    store = Store(JOURNAL)
    # Without it an interruption could not be told from a failure.
    found = {
        "version": job.version,
        "from_version": up.version,
        "slot": run.target.label,
        "size": size,
        "method": method,
        "digest": binascii.hexlify(digest).decode(),
        "key": job.key,
        "module": job.module,
        "attempts": parts.ask("attempts", "count", store, job.key),
        "power": 0,
        "no_link": 0,
    }
    hint(Store(SETTINGS).erase, "dev")  # what is installed is to run, not /dev_app
    try:
        parts.ask("record", "boot_next", store, found, run.target)
    except AlinkError:
        parts.ask("record", "clear", store)
        raise
    parts.ask("job.checkpoint", "clear", store.nvs)
    log.info("version %s is stored and boots next, on trial" % job.version)
    said = "stored, restarting"
    written = run.target.written
    if written is not None:
        blocks = (size + _BLOCK - 1) // _BLOCK
        said = "stored, %d of %d blocks written, restarting" % (written, blocks)
    log.info(said)
    up.call(up.on_progress, 100)
    parts.ask("job.moves", "end", run, _STORED, (100, said), "restarting")
