# A download in blocks: how a source is made. MIT licence.

from micropython import const

from .. import parts

_BLOCK = const(4096)
_BLOCK_MAX = const(131072)


def fill(source, args, options):
    """All that a new MqttSource has; args, options: what it was called with (tuple, dict)."""
    _fill(source, *args, **options)


def _fill(source, device, block_size=_BLOCK, gap_ms=100, reply_timeout_ms=10000):
    if block_size not in range(_BLOCK, _BLOCK_MAX + 1, _BLOCK):
        parts.ask("job.retry", "check", None, block_size)  # says what is wrong with it
    source.device = device
    source.limit = block_size
    source.gap = gap_ms
    source.timeout = reply_timeout_ms
    # The topic of replies and the Device's entry of it, the request, what comes, and what
    # readinto() was called with.
    source.topic = source.entry = source.packet = source.run = source.buf = None
    source.block = source.stream = None
    source.id = source.offset = source.size = source.unvouched = source.n = 0
    source.session = -1  # in which a reply is waited for
