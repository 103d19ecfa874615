"""Deals the tests out to the workers: one by one, but some files as a whole.

What a file sets up once would be set up in each worker else, and a file of device tests would get
an interpreter in each. (`--dist loadgroup` is for that too, but the marks of pytest-xdist 3.8 say
nothing to pytest 9.2.)
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling


class WholeFiles(LoadScopeScheduling):  # type: ignore[misc]  # a package without types
    """A unit of work is a test, or a file that is whole()."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if whole(self.config.rootpath / file) else nodeid


@cache
def whole(file: Path) -> bool:
    """Whether all tests of a file go to one worker."""
    return file.name.startswith("t_") or 'scope="module"' in file.read_text(encoding="utf-8")
