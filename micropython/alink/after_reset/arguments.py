# Are the arguments of an Updater such that it can work? MIT licence. Asked once after a reset.

from micropython import const

from .. import parts
from ..versions import valid

_PROVE_MAX_MS = const(300000)
_WAYS = (None, "beside", "in turn", "alone")


def checked(
    version,
    *,
    source=None,
    target=None,
    ca=None,
    allow_http=False,
    block_size=4096,
    way=None,
    on_job=None,
    on_progress=None,
    on_state=None,
    self_test=None,
    before_reset=None,
    feed=None,
    max_attempts=3,
    retry_trial_ms=600000,
    prove_ms=60000,
    fetch=None,
    sign_key=None,
):
    """The arguments of an Updater, checked -> its hooks, its options, its limits.

    Raises ValueError or TypeError for one that cannot work.
    """
    if not valid(version):
        raise ValueError("version: 1 to 64 of letters, digits, '.', '-', '_'")
    if fetch is not None or block_size != 4096:
        parts.ask("job.retry", "check", fetch, block_size)
    if way not in _WAYS:
        raise ValueError("way must be None, 'beside', 'in turn' or 'alone'")
    for number in (max_attempts, retry_trial_ms, prove_ms):
        if not isinstance(number, int) or number < 0:
            raise ValueError("max_attempts, retry_trial_ms and prove_ms must be whole numbers")
    if prove_ms > _PROVE_MAX_MS:
        raise ValueError("prove_ms: 5 minutes at most, a trial has ten")
    hooks = (on_job, on_progress, on_state, self_test, before_reset, feed)
    for hook in hooks:
        if hook is not None and not callable(hook):
            raise ValueError("a hook must be callable or None, not %r" % (hook,))
    if sign_key is not None:
        if not isinstance(sign_key, (bytes, bytearray, str)):
            raise ValueError("sign_key must be bytes or text")
        # The key as a number: what is wrong with it is said here, and not when a job comes.
        sign_key = parts.ask("job.signature", "load_key", sign_key)
    options = (source, target, ca, allow_http, block_size, way, fetch, sign_key)
    limits = (max_attempts, retry_trial_ms, prove_ms)
    return hooks + (options, limits)
