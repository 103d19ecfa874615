# A connection for a download, and the request on it: verified TLS, deadlines. MIT licence.
#
# The link is judged before, in http_link.py, its host found in http_ask.py; the answer is read in
# http_head.py and judged in http_answer.py: RAM is short in a handshake. Request and head lie in
# the download's own block, which is empty meanwhile.

import gc
import socket
import time

from .. import session


def connect(source, count, place, context):
    """Send the request that http_link.py has written; a Wire is left in source.stream.

    count: what that has returned. place: what http_ask.py has. context: tls.SSLContext, or None
    for a connection without TLS. Raises EOFError: (what has been raised, what was being done:
    str). What is open then is in source.stream.
    """
    config = source.config
    kind, address, host = place
    doing = "connecting"
    gc.collect()  # TLS wants its memory in large pieces
    try:
        source.stream = raw = socket.socket(*kind)
        ms = config.get("connect_timeout_ms", 10000)
        began = time.ticks_ms()
        raw.settimeout(ms / 1000)
        raw.connect(address)
        source.stream = line = session.Wire(raw, source)
        line.allow(ms - time.ticks_diff(time.ticks_ms(), began))
        if context is not None:
            doing = "TLS handshake"
            line.sock = context.wrap_socket(
                raw, server_hostname=host, do_handshake_on_connect=False
            )
        line.write(source.block, count)  # with TLS this shakes hands first
    except Exception as e:
        raise EOFError(e, doing)
