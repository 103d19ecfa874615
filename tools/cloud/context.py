"""What every part of the stand-in works with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.cloud.clock import Clock
from tools.cloud.faults import Dialect, Faults
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
