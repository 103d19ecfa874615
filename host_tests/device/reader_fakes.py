# A Download that does nothing but read. MIT licence.

from alink import parts
from alink.job import fetch
from alink.target import Target


class Reader(fetch.Download):
    """It has its buffers; what is read, and from where, is told by who uses it."""

    def __init__(self):
        super().__init__()
        self.target = Target()
        view = memoryview(self.block)
        self.view = tuple([view[at:] for at in range(0, len(view), 1024)])
        parts.ask("job.buffers", "ring", self)
