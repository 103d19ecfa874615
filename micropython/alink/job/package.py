# What the head of a package (.alp) says. MIT licence.
#
# docs/package.md is the format. Loaded when a download begins with its magic; what follows is in
# packed.py and origin.py, each loaded after the one before, then in unpack.py.

import esp32
from micropython import const

from .. import log, parts
from ..errors import AlinkError

_E_JOB_FORM = const(20)
_E_JOB_DIFF = const(24)
_E_PACKAGE = const(73)

_MAGIC = const(b"\x89ALP")
_HEAD = const(80)
_COMPRESSED = const(1)
_DIFFERENCE = const(2)

_PART = const(512)

_CHECK = const(9)


def turn(download):
    """The first 512 bytes have come, and may begin a package: is all right with its head? -> 0.

    If it is none, first.py goes on. Raises AlinkError: JOB_DIFF when it should be one, JOB_FORM
    for a format of later days, PACKAGE for a head that says what cannot be, OTHER_SOURCE for a
    source that no slot holds, and what Target.begin() raises for an image of that size.
    """
    block = download.block
    target = download.target
    size = min(download.size, _PART)
    if not target.packs or block[:4] != _MAGIC:
        if download.file.diff:
            raise AlinkError(_E_JOB_DIFF)
        download.early = "job.first"
        return 0
    if size > 4 and block[4] != 1:
        raise AlinkError(_E_JOB_FORM, "package format %d" % block[4])
    kind = block[5]
    bits = block[6]
    image = int.from_bytes(block[8:12], "little")
    source = int.from_bytes(block[44:48], "little")
    if (
        size < _HEAD + 2
        or kind not in (_COMPRESSED, _DIFFERENCE)
        or not 8 <= bits <= 12
        or block[7]
        or not image
        or (kind == _COMPRESSED and (source or block[48:_HEAD] != bytes(32)))
        or (kind == _DIFFERENCE and not source)
        or block[_HEAD] != (bits - 8) << 4 | 8
        or block[_HEAD + 1] & 0x20  # a dictionary
    ):
        raise AlinkError(_E_PACKAGE, "its head")
    download.mover = None
    parts.drop("job.moving")
    target.begin(image, "sha256", bytes(block[12:44]), block)
    parts.drop("job.slot_begin")
    if source > esp32.Partition(esp32.Partition.RUNNING).info()[3]:
        raise parts.ask("job.package_bad", "not_source", source, block[48:52])
    log.info("a package of an image of %d bytes" % image)
    download.early = "job.packed"  # (the block is left as it is for that)
    download.state = _CHECK
    return 0
