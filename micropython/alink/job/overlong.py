# An offer that is too long to be held: what its answer needs is read off it as it passes by.
# MIT licence.
#
# It goes on reading when this module has been let go: so nothing of it uses a global name.

from micropython import const

_WORD = const(65)  # a version or a module's name has 64 at most
_QUOTE = const(34)
_COLON = const(58)
_ESCAPE = const(92)


def scan(up, topic, size):
    """What takes the pieces of a message of `size` bytes on `topic` (str), None: not an offer."""
    reply = topic.startswith("/sys/") and topic.endswith("/thing/ota/firmware/get_reply")
    if reply or topic.startswith("/ota/device/upgrade/"):
        return Scan(up, size, topic).feed
    return None


class Scan:
    """Looks for `module` and `version` in the `data` of one message.

    At its end the Updater gets (module, version, size, the most that is taken) in place of a
    payload; nothing when there is no `data` with anything in it.
    """

    def __init__(self, up, size, topic):
        self.up = up
        self.size = size
        self.topic = topic
        self.word = bytearray(_WORD)
        self.length = 0  # of the text in `word`
        self.depth = 0
        self.state = 0  # 1 within a text, 2 behind a backslash in it
        self.inside = False  # in `data`
        self.key = b""  # whose value comes
        self.found = {}

    def feed(self, buf, n):
        """Look at buf[:n]; n is 0 at the end. Raises nothing."""
        try:
            if not n:
                self.end()
            for i in range(n):
                self.take(buf[i])
        except (MemoryError, ValueError):
            pass  # another time

    def take(self, byte):
        if self.state:
            if self.state == 1 and byte == _QUOTE:
                self.state = 0
                return
            self.state = 2 if self.state == 1 and byte == _ESCAPE else 1
            if self.length < _WORD:
                self.word[self.length] = byte
                self.length += 1
            return
        if byte == _QUOTE:
            self.state = 1
            self.length = 0
        elif byte == _COLON:
            if self.depth <= 2:
                self.key = bytes(self.word[: self.length])
                if self.depth == 1:
                    self.inside = self.key == b"data"
        elif byte in b",}" and self.depth == 2 and self.inside and self.key:
            text = ""
            if self.key in (b"module", b"version"):
                text = bytes(self.word[: self.length]).decode()
            self.found[self.key] = text
            self.key = b""
        if byte in b"{[":
            self.depth += 1
            self.key = b""
        elif byte in b"}]":
            self.depth -= 1

    def end(self):
        found = self.found
        if found:
            up = self.up
            module = found.get(b"module") or "default"
            most = up.device._settings[7]
            up._pushed(self.topic, (module, found.get(b"version"), self.size, most))
