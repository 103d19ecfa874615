# What an application may set of a download, and whether it can be. MIT licence.
#
# Loaded when an Updater is made.

from micropython import const

_BLOCK = const(4096)
_BLOCK_MAX = const(131072)  # of a download over MQTT ("OTA updates", 89307)

# tries: failures in a row without a byte of progress before it gives up. retry_min_ms and
# retry_max_ms: the pause between them, doubled each time. deadline_ms: for all of it. fresh_links:
# how often an expired link may be replaced. The others are for the sources.
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
