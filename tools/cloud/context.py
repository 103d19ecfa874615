"""What every part of the stand-in works with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.cloud.clock import Clock
from tools.cloud.dialect import Dialect
from tools.cloud.faults import Faults
from tools.cloud.records import Records
from tools.cloud.store import CloudStore


@dataclass(frozen=True)
class Context:
    """The store and the `files` of its packages, the records, the time, and how to misbehave."""

    store: CloudStore
    files: Path
    records: Records
    clock: Clock
    faults: Faults
    dialect: Dialect


class Part:
    """A part of the stand-in that works with all of it: what the context has is its own, too."""

    def __init__(self, context: Context) -> None:
        self.store = context.store
        self.files = context.files
        self.records = context.records
        self.clock = context.clock
        self.faults = context.faults
        self.dialect = context.dialect
