# Where a download comes from: over HTTPS, unless derived from. MIT licence.

from .. import parts


class Source:
    """Where a file comes from: over HTTPS with Range, unless derived from.

    Settings, as keywords: ca: own CA certificates or None (see signin/tls.py). allow_http: bool,
    take http:// links too. on_feed: called while open() waits for TLS and for the answer, or None.
    connect_timeout_ms, head_timeout_ms: int, see open(), 10 s each; stall_timeout_ms: so long no
    byte at all may come, 20 s.

    Another source brings its own open(), which sets what is read from: `stream`, with
    readinto(buf, n): up to `n` bytes into buf -> how many; None when there are none yet, 0 at the
    end, -1 when what it gave of the last 4096 is void and comes once more. After None it is called
    with the same again; nothing else has touched buf meanwhile. It never blocks, never allocates,
    and raises AlinkError, OSError, or ValueError as TLS does. unvouched: int, when it has raised:
    how many of the bytes handed on last are damaged. block: the download's, free for use in
    open(); None when the download is over: close() then has to let go of everything.
    """

    unvouched = 0

    def __init__(self, **config):
        self.config = config
        self.on_feed = config.get("on_feed")
        self.block = self.stream = self._into = None

    def open(self, file, offset, size):
        """Get ready for `file` (offer.File) from byte `offset` on; all of it has `size` bytes.

        Returns where the bytes really start (int): offset, or 0 when the server sends the whole
        file to a request for a part. (Another source may return None: not yet, it is called again
        with the next step.) One bounded step: connect_timeout_ms for connection, TLS
        handshake and request, head_timeout_ms for the head; on top comes the look-up of the host,
        which has no time-out on an ESP32, and one step of the handshake (a second on a slow chip).
        Uses requests with `socket` and `tls` exchanged meanwhile, so no other thread may.

        Raises AlinkError: INSECURE, JOB_PROTOCOL or JOB_FIELD for a link not to be used at all;
        CLOCK, TLS, LINK, TIMEOUT, NO_MEMORY; EXPIRED (403, 410), HTTP_STATUS, HTTP_HEAD,
        HTTP_LENGTH, HTTP_REDIRECT, HTTP_CHUNKED. No error tells more of the link than host and
        path: the rest is a signature. Nothing is left open after an error.
        """
        # (Let go in opening.py: this is deep in calls.)
        return parts.use("job.https_open").open(self, file, offset, size)

    def close(self):
        """Let go of the connection; again is harmless."""
        stream = self.stream
        self.stream = None
        if stream is not None:
            stream.close()
