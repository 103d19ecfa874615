# What each connection of a download begins with. MIT licence.
#
# Loaded for that: while something moves none of it is needed.

from .. import parts


def connect(download):
    """Open a connection for the Download; its state is another one once it is there. Raises what
    Source.open() raises.
    """
    download.rest()
    if download.packed is not None:
        parts.ask("job.aside", "set_aside", download)
    try:
        start = download.source.open(download.link, download.offset, download.size)
    finally:
        parts.drop("job.https_open")
    if download.ring is None:
        parts.ask("job.buffers", "ring", download)
    if start is not None:
        tight = parts.ask("idf", "tight")
        parts.ask("job.opened", "opened", download, start, tight)
