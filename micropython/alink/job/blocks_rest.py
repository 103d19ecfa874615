# A download in blocks: how a source is made, and opened: what is done once. MIT licence.

import os

from micropython import const

from .. import parts
from ..session import framed

_BLOCK = const(4096)
_BLOCK_MAX = const(131072)
_IDS = const(600000000)

# The digits are put in place later, counted from the end (blocks_move.py); blanks in front of a
# number are JSON. Ids are nine digits: beyond those of Device.next_id(), and small integers.
_REQUEST = (
    '{"version":"1.0","params":{"fileInfo":{"streamId":%d,"fileId":%d},'
    '"fileBlock":{"size":131072,"offset":16777216}},"id":"600000000"}'
)


def fill(source, args, options):
    """All that a new MqttSource has; args, options: what it was called with (tuple, dict)."""
    _fill(source, *args, **options)


def _fill(source, device, block_size=_BLOCK, gap_ms=100, reply_timeout_ms=10000):
    if block_size not in range(_BLOCK, _BLOCK_MAX + 1, _BLOCK):
        parts.ask("after_reset.arguments", "check", None, block_size)  # says what is wrong with it
    source.device = device
    # The Device's entry of the topic of replies, the request, what comes, and what readinto() was
    # called with.
    source.entry = source.packet = source.run = source.buf = None
    source.block = source.stream = None
    source.offset = source.unvouched = source.n = 0
    # What the next header has to say: id, code, bytes of the block, its offset, those of the file.
    # Behind that what is set: how many attributes there are decides how much each of them takes.
    source.want = [0, 200, 0, 0, 0, block_size, gap_ms, reply_timeout_ms]
    source.session = -1  # in which a reply is waited for


def open(source, file, offset, size):
    """See MqttSource.open()."""
    source.close()
    device = source.device
    topic = "/sys/%s/%s/thing/file/download" % (device.product_key, device.device_name)
    if source.entry is None:
        attend(source, topic + "_reply")
    if source.packet is None:
        # Not from the start each time: a reply to an earlier job may still be under way.
        source.want[0] = _IDS + int.from_bytes(os.urandom(3), "big")
        source.packet = prepare(topic, (_REQUEST % file.stream).encode())
    source.unvouched = 0
    source.offset = offset
    source.want[4] = size
    source.stream = source


def attend(source, topic):
    """The replies on `topic` (str) are for this source, the only one of its Device, which
    subscribes to it with its next poll().
    """
    # (As topics.subscribe(), whose names would stay in RAM. [2] of it is above 1 when the platform
    # does not let us listen.)
    device = source.device
    for entry in device._topics:
        if entry[0] == topic:
            break
    else:
        entry = [topic, None, 0, False]
        device._topics.append(entry)
        device._signing = device._signing or True
    source.entry = entry


def prepare(topic, payload):
    """A message (str, bytes) of QoS 0 as the bytearray that is sent; the payload is at its end, to
    be changed in place.
    """
    topic = topic.encode()
    return framed(0x30, len(topic).to_bytes(2, "big"), topic, payload)
