# A download in blocks: what is done once, when it is opened. MIT licence.

import os
from array import array

from micropython import const

from ..session import framed

_IDS = const(600000000)
_POLYNOMIAL = const(0xA001)  # CRC-16/ARC: 0x8005 with its bits turned round

# The digits are put in place later; blanks in front of a number are JSON. Ids are nine digits:
# beyond those of Device.next_id(), and small integers.
_REQUEST = (
    '{"id":"600000000","version":"1.0","params":{"fileBlock":{"size":131072,"offset":16777216},'
    '"fileInfo":{"streamId":%d,"fileId":%d}}}'
)


def open(source, file, offset, size):
    """See MqttSource.open()."""
    source.close()
    device = source.device
    topic = "/sys/%s/%s/thing/file/download" % (device.product_key, device.device_name)
    if source.entry is None:
        attend(source, topic + "_reply")
    if source.name != file.stream:
        source.name = file.stream
        source.gap = source.gap_ms
        # Not from the start each time: a reply to an earlier job may still be under way.
        source.id = _IDS + int.from_bytes(os.urandom(3), "big")
        request = (_REQUEST % file.stream).encode()
        source.packet = prepare(topic, request)
        source.start = len(source.packet) - len(request)
    if source.table is None:
        source.table = crc_table()
    source.unvouched = 0
    source.session = -1
    source.offset = offset
    source.size = size
    source.stream = source


def attend(source, topic):
    """The replies on `topic` (str) are for this source, the only one of its Device, which
    subscribes to it with its next poll().
    """
    topics = source.device._topics
    source.device.subscribe(topic, None)
    for one in topics:
        if one[0] == topic:
            source.entry = one  # [2] of it is above 1 when the platform does not let us listen
    source.topic = topic.encode()


def prepare(topic, payload):
    """A message (str, bytes) of QoS 0 as the bytearray that is sent; the payload is at its end, to
    be changed in place.
    """
    topic = topic.encode()
    return framed(0x30, len(topic).to_bytes(2, "big"), topic, payload)


def crc_table():
    """For the CRC-16/ARC of a block, byte by byte: crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8.

    Half the time of a table of 16; viper would be 30 times as fast, but an .mpy with machine code
    runs on one family of chips only. It does not see zero bytes at the start.
    """
    table = array("H", bytes(512))
    for i in range(256):
        crc = i
        for _ in range(8):
            crc = crc >> 1 ^ _POLYNOMIAL if crc & 1 else crc >> 1
        table[i] = crc
    return table
