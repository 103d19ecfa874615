"""What devices were pushed since they signed in: a task is told once, however often it could be.

A device that signs in is told about its task there, or when it subscribes, or when it reports its
version, whichever comes first. To report once more is to ask again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tools.cloud.identity import Identity
from tools.cloud.store import Task


@dataclass
class _Since:
    tasks: set[int] = field(default_factory=set)
    reported: bool = False


class Pushes:
    """Behind a broker nobody says when a session begins: there every report is answered."""

    def __init__(self) -> None:
        self._sessions: dict[Identity, _Since] = {}

    def begin(self, identity: Identity) -> None:
        """The device has signed in, and knows nothing."""
        self._sessions[identity] = _Since()

    def sent(self, task: Task) -> None:
        """The task was pushed to its device."""
        if (session := self._sessions.get(task.identity)) is not None:
            session.tasks.add(task.id)

    def known(self, task: Task) -> bool:
        """Whether that was so since its device signed in."""
        session = self._sessions.get(task.identity)
        return session is not None and task.id in session.tasks

    def first_report(self, identity: Identity) -> bool:
        """Whether the report that came is the first since the device signed in."""
        session = self._sessions.get(identity)
        first = session is not None and not session.reported
        if session is not None:
            session.reported = True
        return first
