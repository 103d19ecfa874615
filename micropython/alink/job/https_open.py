# A download over HTTPS: its connection is opened. MIT licence.
#
# The parts of that, one after the other: each is large.

from .. import parts


def open(source, file, offset, size):
    """See Source.open() (https.py)."""
    source.close()
    count, link, where = parts.ask("job.http_link", "request", source, file.url, offset)
    if link[4] == "s":
        parts.ask("clock", "check")
    place = parts.ask("job.http_ask", "look_up", link, where)
    if source._into is not None and source._into.ring is None:
        # After the largest of them, and before TLS, which leaves less room.
        parts.ask("job.opened", "room", source._into)
    parts.ask("job.http_open", "connect", source, count, place, where)
    head = parts.ask("job.http_head", "read", source, where)
    return parts.ask("job.http_answer", "judge", source, head, offset, size, where)
