# On trial: could this board open the download of the next image? MIT licence.
#
# An image brings its own firmware and its own modules: with a requests that alink cannot work
# with, or a json.py of the application in place of the firmware's, it would be the last one that
# this board ever fetches. Played through without a network, and with the memory of a moment.

from micropython import const

from .. import log, parts
from ..errors import AlinkError

_E_NO_MEMORY = const(84)
_E_CLOCK = const(2)

# What alink, requests and umqtt take from modules of which an application may have its own.
_NEEDED = """\
array array
binascii a2b_base64 hexlify unhexlify
errno EAGAIN EINPROGRESS ENOMEM ETIMEDOUT errorcode
hashlib md5 sha256
json dumps loads
machine RTC WDT reset reset_cause
os getcwd ilistdir mkdir remove rename rmdir stat statvfs urandom
socket SOCK_STREAM getaddrinfo socket
struct pack pack_into unpack
time gmtime sleep_ms ticks_add ticks_diff ticks_ms time"""


def fault(secure):
    """Why it could not (str), or None. secure: bool, by an https:// link."""
    level = log.level
    try:
        for line in _NEEDED.split("\n"):
            names = line.split()
            module = __import__(names[0])
            for name in names[1:]:
                if not hasattr(module, name):
                    return "%s.py has no %s" % (names[0], name)
        stage = _Stage()
        log.level = 0
        url = "https://here" if secure else "http://here"
        count, link, _ = parts.ask("job.http_link", "request", stage, url, 0)
        part = parts.use("job.http_ask")
        part.net = stage
        place = part.look_up(link)
        part = None
        parts.drop("job", "")
        part = parts.use("job.http_open")
        part.session = part.socket = stage
        part.connect(stage, count, place, stage if secure else None)
    except Exception as e:
        if isinstance(e, EOFError) and e.args:
            e = e.args[0]  # what http_open.py has met
        if isinstance(e, AlinkError):
            if e.code not in (_E_NO_MEMORY, _E_CLOCK):
                return e.detail
        elif not isinstance(e, MemoryError):  # (a download frees some first)
            return "%s: %s" % (type(e).__name__, e)
    finally:
        log.level = level
        part = None
        parts.drop("job", "", "firmware")
    return None


class _Stage:
    # Source, modules (socket, session), TLS context and connection: whatever it is asked, it is
    # fine.

    SOCK_STREAM = 1

    def __init__(self):
        self.config = {"allow_http": True}
        self.block = bytearray(512)
        self.stream = self.raw = self.sock = None

    def getaddrinfo(self, *args):
        return [(2, 1, 0, "", None)]

    def wrap_socket(self, *args, **options):
        return self

    def socket(self, *args):
        return self

    Wire = socket

    def close(self, *args):
        pass

    settimeout = connect = allow = write = close
