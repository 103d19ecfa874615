# A source that fails as told, a target that notes what it got, a run of both. MIT licence.

import hashlib
import time

from alink import errors, parts
from alink.errors import AlinkError
from alink.job import download
from alink.job.fetch import Download
from alink.job.offer import File
from alink.target import Target as Base

BODY = bytes((i * 31 + (i >> 8)) & 0xFF for i in range(10000))
URL = "https://dl.example.net/fw.bin?auth_key=s3cret"


class Source(download.Source):
    """Serves BODY; `script` says, opening by opening, what goes wrong.

    An entry: None (all well), an error code (open fails), ("cut", n) (breaks after n bytes),
    "whole" (ignores the range).
    """

    def __init__(self, *script, body=BODY):
        super().__init__()
        self.script = list(script)
        self.body = body
        self.opened = []
        self.urls = []
        self.closed = True

    def open(self, file, offset, size):
        assert self.closed, "opened twice"
        assert len(self.block) == 4096
        self.opened.append(offset)
        self.urls.append(file.url)
        self.stream = self
        plan = self.script.pop(0) if self.script else None
        self.cut = None
        if isinstance(plan, int):
            raise AlinkError(plan)
        if isinstance(plan, AlinkError):
            raise plan
        if plan == "whole":
            offset = 0
        elif plan is not None:
            self.cut = plan[1]
        self.at = offset
        self.closed = False
        return offset

    def readinto(self, chunk, n):
        if self.cut is not None and self.at + n > self.cut:
            raise AlinkError(errors.LINK, "cut")
        for i in range(n):
            chunk[i] = self.body[self.at + i]
        self.at += n
        return n

    def close(self):
        self.closed = True


class Target(Base):
    label = "ota_1"

    def __init__(self, refuse=None):
        self.data = None
        self.begun = 0
        self.refuse = refuse

    def begin(self, size, method, digest, chunk):
        if self.refuse:
            raise AlinkError(self.refuse)
        self.begun += 1
        self.data = b""

    def write(self, chunk, n):
        self.data += bytes(chunk[:n])


class Flash(Target):
    """A target that can be read back."""

    def begin(self, size, method, digest, chunk):
        super().begin(size, method, digest, chunk)
        self.at = 0
        self.kept = getattr(self, "kept", {})

    def write(self, chunk, n):
        self.kept[self.at] = bytes(chunk[:n])
        self.at += n

    def recall(self, chunk):
        chunk[:] = self.kept[self.at]
        self.at += len(chunk)


def file(digest=None, method="md5", url=URL):
    digest = digest or getattr(hashlib, method)(BODY).digest()
    return File(len(BODY), method, digest, url)


def run(source, target=None, the_file=None, kept=None, **options):
    target = target or Target()
    pauses = {"retry_min_ms": 1, "retry_max_ms": 4}
    pauses.update(options)
    one = Download(kept, pauses)
    parts.ask(
        "job.checkpoint", "start", one, the_file or file(), "default/1.1.0/key", source, target
    )
    began = time.ticks_ms()
    while not one.step():
        if one.waits == "link":
            one.link = File(len(BODY), "md5", b"", URL + "2")
        assert time.ticks_diff(time.ticks_ms(), began) < 20000, "hangs"
    assert source.closed
    assert source.block is None
    assert not one.waits
    return target.data


def fails(code, source, **options):
    try:
        run(source, **options)
    except AlinkError as e:
        assert source.closed, "connection left open"
        assert "s3cret" not in e.text()
        assert e.code == code, e
        return e
    raise AssertionError("did not fail")


class Kept:
    """Stands in for the journal's esp32.NVS; `full`: nothing can be written."""

    def __init__(self, full=False):
        self.said = []
        self.values = {}
        self.full = full

    def get_blob(self, key, buf):
        self.said.append(key)
        value = self._get(key)
        if len(value) > len(buf):
            raise OSError(-4364)
        buf[: len(value)] = value
        return len(value)

    def get_i32(self, key):
        self.said.append(key)
        return self._get(key)

    def _get(self, key):
        if key not in self.values:
            raise OSError(-4354)
        return self.values[key]

    def set_i32(self, key, value):
        self.said.append((key, value))
        if self.full:
            raise OSError(-4357)
        self.values[key] = value

    def set_blob(self, key, value):
        self.set_i32(key, value.encode())

    def erase_key(self, key):
        self._get(key)
        del self.values[key]

    def commit(self):
        pass
