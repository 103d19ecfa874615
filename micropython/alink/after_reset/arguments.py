# Are the arguments of an Updater such that it can work? MIT licence. Asked once after a reset.

from micropython import const

from .. import parts
from ..versions import valid

_PROVE_MAX_MS = const(300000)
_WAYS = (None, "beside", "in turn", "alone")

# Places in the options.
_CA = const(2)
_BLOCK_SIZE = const(4)
_WAY = const(5)
_FETCH = const(6)
_SIGN_KEY = const(7)
_LIMITS = const(8)
_PROVE = const(10)

# What an Updater may be told: its options, in this order, and then its hooks. (One text: as names
# of arguments they would stay for good, used or not.)
_OPTIONS = (
    "source target ca allow_http block_size way fetch sign_key "
    "max_attempts retry_trial_ms prove_ms"
)
_DEFAULTS = (None, None, None, False, 4096, None, None, None, 3, 600000, 60000)
_HOOKS = "on_job on_progress on_state self_test before_reset feed"

_BLOCK = const(4096)
_BLOCK_MAX = const(131072)  # of a download over MQTT ("OTA updates", 89307)

# What may be set of a download. tries: failures in a row without a byte of progress before it
# gives up. retry_min_ms and retry_max_ms: the pause between them, doubled each time. deadline_ms:
# for all of it. fresh_links: how often an expired link may be replaced. The others are for the
# sources.
_CONFIG = (
    "tries",
    "retry_min_ms",
    "retry_max_ms",
    "deadline_ms",
    "fresh_links",
    "connect_timeout_ms",
    "head_timeout_ms",
    "stall_timeout_ms",
    "gap_ms",
    "reply_timeout_ms",
)


def checked(version, given):
    """The arguments of an Updater, checked -> (its options, [name, hook] of its hooks), two lists.

    Raises ValueError or TypeError for one that cannot work.
    """
    if not valid(version):
        raise ValueError("version: 1 to 64 of letters, digits, '.', '-', '_'")
    options = list(_DEFAULTS)
    for place, name in enumerate(_OPTIONS.split()):
        options[place] = given.pop(name, options[place])
    if options[_CA] is not None and options[_CA] is not True:
        options[_CA] = parts.ask("signin.tls", "kept", options[_CA])
    hooks = []
    for name in _HOOKS.split():
        hooks.append((name, given.pop(name, None)))
    for name in given:
        raise TypeError("Updater: there is no %s" % name)
    if options[_FETCH] is not None or options[_BLOCK_SIZE] != 4096:
        check(options[_FETCH], options[_BLOCK_SIZE])
    if options[_WAY] not in _WAYS:
        raise ValueError("way must be None, 'beside', 'in turn' or 'alone'")
    for number in options[_LIMITS:]:
        if not isinstance(number, int) or number < 0:
            raise ValueError("max_attempts, retry_trial_ms and prove_ms must be whole numbers")
    if options[_PROVE] > _PROVE_MAX_MS:
        raise ValueError("prove_ms: 5 minutes at most, a trial has ten")
    for _, hook in hooks:
        if hook is not None and not callable(hook):
            raise ValueError("a hook must be callable or None, not %r" % (hook,))
    key = options[_SIGN_KEY]
    if key is not None:
        if not isinstance(key, (bytes, bytearray, str)):
            raise ValueError("sign_key must be bytes or text")
        # The key as a number: what is wrong with it is said here, and not when a job comes.
        options[_SIGN_KEY] = parts.ask("job.signature", "load_key", key)
    return options, hooks


def check(config, block_size=_BLOCK):
    """Raise TypeError or ValueError for settings of a download that cannot be.

    config: dict for Download and Source, or None. block_size: int, bytes to ask for at once over
    MQTT.
    """
    for name in config or ():
        if name not in _CONFIG:
            raise TypeError("fetch: there is no %s" % name)
    good = isinstance(block_size, int) and _BLOCK <= block_size <= _BLOCK_MAX
    if not good or block_size % _BLOCK:
        raise ValueError(
            "block_size must be a multiple of %d (whole flash blocks), at most %d"
            % (_BLOCK, _BLOCK_MAX)
        )
