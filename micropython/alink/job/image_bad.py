# Why the first bytes of a download are no application image for this board. MIT licence.

from micropython import const

from ..errors import AlinkError

_E_IMAGE_MAGIC = const(62)
_E_IMAGE_MERGED = const(63)
_E_IMAGE_CHIP = const(64)
_E_IMAGE_SEGMENTS = const(65)

_HEAD_SIZE = const(36)
_MAGIC = const(0xE9)
_SEGMENTS_MAX = const(16)

_CHIPS = {0: "ESP32", 2: "ESP32-S2", 5: "ESP32-C3", 9: "ESP32-S3", 12: "ESP32-C2", 13: "ESP32-C6"}
_KNOWN_FILES = (
    (b"\x1f\x8b", "a gzip file"),
    (b"PK", "a zip file"),
    (b"\x7fELF", "an ELF file"),
    (b"<", "a web page or XML"),
    (b"{", "JSON text"),
    (b"\xff\xff", "blank, or a flash dump from address 0"),
)


def error(head, size, chip):
    """The AlinkError for what image.check() does not take; its arguments."""
    if size < _HEAD_SIZE:
        return AlinkError(_E_IMAGE_MAGIC, "%d bytes" % size)
    if head[0] != _MAGIC:
        for magic, name in _KNOWN_FILES:
            if bytes(head[: len(magic)]) == magic:
                return AlinkError(_E_IMAGE_MAGIC, name)
        return AlinkError(_E_IMAGE_MAGIC, "starts with 0x%02x" % head[0])
    theirs = head[12] | head[13] << 8
    if theirs != chip:
        return AlinkError(_E_IMAGE_CHIP, "%s, this is %s" % (_name(theirs), _name(chip)))
    # A merged firmware begins with a valid bootloader image: the digest, the read-back and
    # set_boot() would all pass, and only the bootloader would refuse it, after the reset.
    if head[32] != 0x32 or head[33] != 0x54 or head[34] != 0xCD or head[35] != 0xAB:
        return AlinkError(_E_IMAGE_MERGED)
    if not 0 < head[1] <= _SEGMENTS_MAX:
        return AlinkError(_E_IMAGE_SEGMENTS, "%d segments" % head[1])
    length = head[28] | head[29] << 8 | head[30] << 16 | head[31] << 24
    return AlinkError(_E_IMAGE_SEGMENTS, "segment of %d bytes" % length)


def _name(chip):
    return _CHIPS.get(chip) or "chip %d" % chip
