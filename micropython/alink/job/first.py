# A download up to its first block, which is looked at before it is written. MIT licence.
#
# A package is known by its first 512 bytes, and makes a first block of its own: see package.py.

from micropython import const

from .. import parts

_BLOCK = const(4096)
_HEAD = const(512)

_PEEK = const(5)
_FIRST = const(6)  # the first block is on its way


def turn(download):
    """One step of `download` -> bytes of the image whose first block is there (int), or 0.

    What takes the next step is Download.early. Raises AlinkError.
    """
    size = download.size
    mover = download.mover
    if mover is None:
        download.mover = mover = parts.use("job.moving")
    if download.state == _PEEK:
        if mover.read(download, download.view, min(size, _HEAD)):
            download.at = _HEAD
            download.state = _FIRST
            if download.file.diff or (download.block[0] == 0x89 and download.target.packs):
                download.early = "job.package"
        return 0
    if size > _HEAD:
        if download.at == _HEAD:
            # What is there begins a KiB: it waits in the ring for the rest of that.
            download.ring.write(memoryview(download.block)[:_HEAD])
            download.at = 0
        if not mover.read(download, download.view, min(size, _BLOCK)):
            return 0
    download.at = 0
    return size
