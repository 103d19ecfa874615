# What becomes of an offer: the only way to a Run. MIT licence.
#
# Loaded for one message and let go. In this order: is it a job, for a part of this board, an
# answer that counts, news; then loader, failed attempts, signature, the application's consent.

import time

from micropython import const

from .. import log, parts
from ..errors import AlinkError

_E_JOB_MODULE = const(23)
_E_JOB_REFUSED = const(25)
_E_ATTEMPTS = const(27)
_E_LOADER = const(29)

_REFUSED_MAX = const(8)
_AGAIN_MS = const(5000)  # between two reports of the running version, doubled each time
_AGAIN_MAX_MS = const(3600000)
_MISSED_MS = const(3000)
_FAULTS = const(3)  # exceptions in on_job after which a job is taken without its answer
_FAULT_S = const(3600)
_NO_MEMORY_S = const(60)  # it may be a moment's
_MAX_ATTEMPTS = const(8)  # place in the Updater's options


def judge(up, job, error, payload, seen, reply, block):
    """Begin what an offer asks for (up.run), or put it off, refuse it, or leave it alone.

    up: Updater. payload: bytes, of an upgrade push, or with `reply` of a query's answer; None if
    there is a job. seen: int, its hash. job, error: what offer.parse() has made of it, or raised
    (AlinkError). block: bytearray of 4096 for a run to move everything in, or None.
    """
    if error is None:
        if job is None:
            if reply and up.after is not None:
                parts.ask("job.again", "unasked", up, payload)
            return
        try:
            part = _part(up, job)
        except AlinkError as e:
            error = e
            parts.drop("job.offer", "versions")
    run = up.run
    if error is not None:
        if up.only is not None and error.module != "default":
            return  # alone: a part of the board that is there, with its application
        if run is not None:
            _remember(up, error)
        elif up.bad != seen:
            up.bad = seen
            refuse(up, error)
        return
    if job.reply_to is not None and job.reply_to != up.asked.get(job.module):
        return  # the answer to a question that is settled by now
    up.asked.pop(job.module, None)
    _forgive(up, job.module)  # cancelled since: its refusal would be taken for this one's
    if job.reply_to is not None and part is up and up.after is not None:
        up.after.overtaken(job.key)
    other = run is not None and job.module == run.module
    if other and (run.job is None or job.key != run.job.key):
        run.turn("ending", "overtaken")
    if job.version == part.version:
        if _may_repeat(part):
            log.info("version %s is running already" % job.version)
            parts.use("hello").say(up, part.version, job.module)
    elif run is None:
        _consider(up, job, part, block)
    elif run.fetching and job.key == up.job.key:
        _renew(up, job)
    else:
        up.missed = _MISSED_MS  # one job at a time: asked for again when this one is settled


def refuse(up, error, job=None):
    """Answer a job that is not begun with `error` (AlinkError; `module` of it says whose)."""
    run = parts.use("job.run").Run(up, job, None, error.module if job is None else job.module)
    run.last = error  # it ends with its first step, when this is out of RAM
    up.run = run


def _part(up, job):
    # The Module that a job is for; for the slot the Updater itself, which has a version, too.
    if job.module == "default":
        return up
    for module in up.modules:
        if module.name == job.module:
            return module
    bad = parts.use("job.offer").BadJob
    raise bad(_E_JOB_MODULE, job.module[:32], job.module, job.version)


def _remember(up, error):
    # To be answered when the job under way is over, one for each module.
    _forgive(up, error.module)
    if len(up.refused) < _REFUSED_MAX:
        up.refused += (error,)


def _forgive(up, module):
    up.refused = tuple([one for one in up.refused if one.module != module])


def _renew(up, job):
    # The job under way comes again, perhaps with another link or on another way. The first bytes
    # of a digest make no two jobs the same, and what was signed was that one. (What looks at
    # signatures is large: not loaded for those that have been looked at.)
    error = None
    if _signatures(job) != _signatures(up.job):
        error = _unsigned(up, job)
    if error is None and _contents(job) == _contents(up.job):
        up.run.turn("room", "renew", job)
        return
    log.info("offered again, it is not the same:", error or "other files")
    up.missed = _MISSED_MS


def _contents(job):
    return [(file.size, file.method, file.digest) for file in job.files]


def _signatures(job):
    return [file.signature for file in job.files]


def _unsigned(up, job):
    # Why the owner's key does not let it pass (AlinkError), or None.
    try:
        parts.ask("job.signed", "check", up, job.files)
    except AlinkError as e:
        return e


def _may_repeat(part):
    # Whether the version, asked for once more, may be reported once more: less and less often.
    now = time.ticks_ms()
    at, wait = part.repeated or (None, _AGAIN_MS)
    # What seems to lie further ahead than it was set was days ago: ticks wrap.
    if at is not None:
        if 0 < time.ticks_diff(at, now) <= wait:
            return False
        wait = min(2 * wait, _AGAIN_MAX_MS)
    part.repeated = (time.ticks_add(now, wait), wait)
    return True


def _consider(up, job, part, block):
    key = job.key
    if up.only and key != up.only:
        return  # alone: what else is offered is for the application to judge
    if up.after is not None and up.after.condemns(key):
        return
    # (Alone it was the application that has sent it here.)
    if up.only is None and up.deferral is not None and up.deferral.holds(key):
        return
    up.job = job
    if part is up and not up.loader_ok:
        refuse(up, AlinkError(_E_LOADER), job)
        return
    nvs = parts.use("nvs")
    store = nvs.Store(nvs.JOURNAL)
    failed = parts.ask("attempts", "count", store, key)
    if failed >= up.options[_MAX_ATTEMPTS]:
        refuse(up, AlinkError(_E_ATTEMPTS, "failed %d times" % failed), job)
        return
    error = _unsigned(up, job)
    if error is not None:
        refuse(up, error, job)
        return
    text = "deferred"
    faults = 0
    try:
        wish = _wish(up.on_job, job)
    except Exception as e:
        # No answer. It must not keep away for ever the release that mends it.
        faults = 1 if up.deferral is None else up.deferral.faults(key) + 1
        wish = _NO_MEMORY_S if isinstance(e, MemoryError) else _FAULT_S
        text = "on_job failed, put off for %d s: %s %s" % (wish, type(e).__name__, e)
        log.info(text)
        if faults > _FAULTS:
            log.info("taken without an answer")
            wish = True
    if isinstance(wish, int) and wish is not True:
        if up.deferral is None:
            up.deferral = parts.use("deferral").Deferral(store)
        up.deferral.put_off(key, wish, faults)
        _tell(up, job, text)
        up.set_state("deferred")
        return
    # (Failures are still counted if a power cut gets into this one.)
    if not faults and up.deferral is not None and up.deferral.clear(key):
        up.deferral = None
    if wish is not True:
        refuse(up, AlinkError(_E_JOB_REFUSED, wish[:64]), job)
        return
    if part is up and up.after is not None:
        up.after.overtaken()
    # It begins with its first step, when this is out of RAM.
    up.run = parts.use("job.run").Run(up, job, None if part is up else part, job.module)
    up.run.block = block


def _wish(on_job, job):
    # What the application says to a job: True, a reason against it (str), or seconds (int).
    if on_job is None:
        return True
    wish = on_job(job)
    if wish is None or wish is True:
        return True
    if wish is False or isinstance(wish, str):
        return wish or ""
    return int(wish)


def _tell(up, job, desc):
    if up.device.connected:
        try:
            parts.use("reports").step(up.device, 1, desc, job.module)
        except AlinkError as e:
            log.debug("progress not sent:", e)
