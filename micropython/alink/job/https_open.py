# A download over HTTPS: its connection is opened. MIT licence.
#
# The parts of that, one after the other: each is large. What goes wrong in one gets its name when
# that one is gone, and, where nobody has answered, before the connection is: what memory is left
# tells one trouble from another.

from .. import parts


def open(source, file, offset, size):
    """See Source.open() (https.py)."""
    source.close()
    count, link, where = parts.ask("job.http_link", "request", source, file.url, offset)
    if link[4] == "s":
        parts.ask("clock", "check")
    doing = "looking up the host"
    start = None
    try:
        place = parts.ask("job.http_ask", "look_up", link)
        into = source._into
        if into is not None and into.ring is None:
            # After the largest of them, and before TLS, which leaves less room.
            parts.ask("job.buffers", "ring", into)
        context = None
        if place[2] is not None:
            doing = "TLS handshake"
            context = parts.ask("signin.tls", "context", source.config.get("ca"))
        doing = None
        parts.release()
        parts.reserve = None
        parts.ask("job.http_open", "connect", source, count, place, context)
        doing = "waiting for the answer"
        head = parts.ask("job.http_head", "read", source)
        start = parts.ask("job.http_answer", "judge", source, head, offset, size)
        return start
    except Exception as e:
        if isinstance(e, EOFError) and e.args and not isinstance(e.args[0], str):
            if doing:
                e = parts.ask("job.http_bad", "error", *e.args)
                source.close()  # it has answered: what memory is left tells nothing more
            else:
                e, doing = e.args
        raise parts.ask("faults", "named", e, doing, where)
    finally:
        if start is None:  # also when something else than an Exception flies past
            source.close()
