"""Everything that happened, for tests, the console and `watch`: messages, downloads, notes.

Signed links are bearer secrets: what is printed of a record shows them without their query.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tools.cloud.hidden_links import without_links


@dataclass
class Message:
    """One MQTT message. `direction` is "up" (from the device) or "down".

    `acked` becomes True when the PUBACK of a QoS 1 message was sent (up) or received (down).
    `time` is in seconds since 1970.
    """

    time: float
    direction: str
    device: str
    topic: str
    qos: int
    payload: bytes = field(repr=False)
    packet_id: int = 0
    acked: bool = False

    def __str__(self) -> str:
        arrow = "->" if self.direction == "up" else "<-"
        return f"{self.device} {arrow} {self.topic} {without_links(self.payload)}"


@dataclass(frozen=True)
class SignedIn:
    """One CONNECT that was accepted, as it came; its password is not kept.

    `client_id` is the whole text with what stands between the bars, `level` 3 or 4 (MQTT 3.1 or
    3.1.1), `keepalive` in seconds.
    """

    time: float
    device: str
    client_id: str
    user_name: str
    level: int
    clean: bool
    keepalive: int
    tls: bool


@dataclass
class DownloadRequest:
    """One HTTP request. It is recorded when it comes and grows while it is answered.

    `path` has no query. `range_start` is None without a usable Range. `bytes_sent` counts the
    file's bytes handed to the socket. `ended` is "" while running, then "complete", "refused" (any
    answer but 200, 206 and a HEAD's), "cut" or "stalled" (by a fault) or "broken" (by the device).
    """

    time: float
    path: str
    range_start: int | None
    status: int
    bytes_sent: int = 0
    file: str = ""
    method: str = "GET"
    scheme: str = "https"
    device: str = ""
    size: int = 0
    ended: str = ""


@dataclass(frozen=True)
class Block:
    """One request for a block over MQTT, and what became of it.

    `code` is the reply's (200: served), 0 when there was none. `fault`: its name in Faults.
    """

    time: float
    device: str
    offset: int
    size: int
    code: int
    fault: str = ""


@dataclass(frozen=True)
class Note:
    """Something worth a line on the console: a sign-in, a refusal with its reason, a task."""

    time: float
    kind: str
    device: str
    text: str


@dataclass(frozen=True)
class Violation:
    """A device broke a rule of the platform: which one, and how."""

    time: float
    device: str
    rule: str
    detail: str


_T = TypeVar("_T")
KEEP = 10_000  # of each kind, in a server that runs for weeks
# With `keep`, payloads of messages kept at once: a device may send 256 KB in each.
KEEP_BYTES = 32 * 1024 * 1024


class Records:
    """The lists, and the way to wait for them to grow. Written by the event loop only."""

    def __init__(self, clock: Callable[[], float], keep: int | None = None) -> None:
        self.clock = clock
        self.keep = keep
        self.messages: list[Message] = []
        self.sign_ins: list[SignedIn] = []
        self.downloads: list[DownloadRequest] = []
        self.blocks: list[Block] = []
        self.notes: list[Note] = []
        self.violations: list[Violation] = []
        self.on_note: Callable[[Note], None] | None = None
        # Called at every change, in the event loop: who waits there cannot wait_for().
        self.watchers: set[Callable[[], None]] = set()
        self.message_count = 0  # with those that are no longer kept
        self._payloads = 0  # bytes of payload in `messages`
        self._changed = threading.Condition()
        self._version = 0

    def add(self, to: list[_T], record: _T) -> _T:
        """Append a record, let go of the oldest ones beyond `keep`, and wake who waits."""
        to.append(record)
        if self.keep is not None and len(to) > self.keep:
            del to[: self.keep // 2]
        self.changed()
        return record

    def add_message(self, message: Message) -> Message:
        """As add(), to `messages`; with `keep` their payloads are bounded, too."""
        self.message_count += 1
        self._payloads += len(message.payload)
        self.add(self.messages, message)
        if self.keep is not None and self._payloads > KEEP_BYTES:
            del self.messages[: (len(self.messages) + 1) // 2]
            self._payloads = sum(len(one.payload) for one in self.messages)
        return message

    def note(self, kind: str, device: object, text: str) -> None:
        """Record a line for the console."""
        note = self.add(self.notes, Note(self.clock(), kind, str(device), text))
        if self.on_note is not None:
            self.on_note(note)

    def violation(self, device: object, rule: str, detail: str) -> None:
        """Record that a device broke a rule, and note it."""
        self.add(self.violations, Violation(self.clock(), str(device), rule, detail))
        self.note("violation", device, f"{rule}: {detail}")

    def changed(self) -> None:
        """Wake everybody who waits: something observable changed."""
        with self._changed:
            self._version += 1
            self._changed.notify_all()
        for watcher in list(self.watchers):
            watcher()

    def wait_for(self, predicate: Callable[[], _T], timeout_s: float) -> _T | None:
        """Call `predicate` at every change until it is true; its value, or None after the time.

        The predicate runs in the caller's thread and may call anything of LocalCloud.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            with self._changed:
                seen = self._version
            if value := predicate():
                return value
            with self._changed:
                while self._version == seen:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        return None
                    self._changed.wait(left)
