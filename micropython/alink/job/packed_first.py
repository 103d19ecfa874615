# The first block of a package, which is looked at before it is written. MIT licence.

from .. import parts


def turn(download):
    """One step of it -> bytes of the image when the block is there (int), else 0.

    Raises AlinkError, as unpack.move().
    """
    mover = download.mover
    if mover is None:
        download.mover = mover = parts.use("job.unpack")
    return download.packed.size if mover.move(download) else 0
