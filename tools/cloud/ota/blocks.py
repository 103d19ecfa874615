"""Files in blocks over MQTT: "Download an update package over MQTT" of "OTA updates" (89307).

A stream is one task of one device: its number is made of the task's, so that nothing has to be
kept, and what another device asks of it is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tools.cloud import kept_files
from tools.cloud.context import Context, Part
from tools.cloud.identity import Identity
from tools.cloud.mqtt import topics
from tools.cloud.mqtt.service import Sender
from tools.cloud.ota import ids
from tools.cloud.ota.differences import offered
from tools.cloud.records import Block
from tools.cloud.store import PackageFile, Task

SIZE_MIN, SIZE_MAX = 256, 131072
_STREAMS = 90_000  # streamId of task 0
_DIFFERENCES = 90_000_000  # the same for the difference that a task offers
_FILE = 1
_FAULTS = (
    "lost",
    "late",
    "cut",
    "duplicate",
    "wrong_offset",
    "wrong_length",
    "truncated",
    "bad_crc",
    "bad_data",
    "code_next",
)
# The C SDK writes a comma in front of a closing brace, and the platform takes it.
_COMMA = re.compile(rb",(\s*[}\]])")


class _NoBlock(Exception):
    """A request that gets an error instead of a block."""


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
        table.append(value)
    return table


_TABLE = _table()


def crc16(data: bytes, crc: int = 0) -> int:
    """CRC-16/ARC, chained over pieces by `crc`."""
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc


def frame(header: dict[str, Any], data: bytes, crc: int | None) -> bytes:
    """Length (high byte first), JSON, data, and the CRC (low byte first) unless None."""
    text = json.dumps(header, separators=(",", ":")).encode()
    end = b"" if crc is None else crc.to_bytes(2, "little")
    return len(text).to_bytes(2, "big") + text + data + end


class Blocks(Part):
    """Answers requests for blocks, and spoils the answers as the faults say."""

    def __init__(
        self, context: Context, sender: Sender, cut: Callable[[Identity, str, bytes], None]
    ) -> None:
        super().__init__(context)
        self.sender = sender
        self._cut = cut
        self._asked: dict[Identity, float] = {}

    def address(self, task: Task) -> dict[str, Any]:
        """What an upgrade message says instead of a link."""
        first = _STREAMS if offered(self.store, task) is None else _DIFFERENCES
        return {"dProtocol": "mqtt", "streamId": first + task.id, "streamFileId": _FILE}

    def request(self, identity: Identity, payload: bytes) -> None:
        """Answer one request; what is not one at all is recorded and stays unanswered."""
        try:
            body = json.loads(_COMMA.sub(rb"\1", payload))
            params = body["params"]
            stream, file = (int(params["fileInfo"][key]) for key in ("streamId", "fileId"))
            size, offset = (int(params["fileBlock"][key]) for key in ("size", "offset"))
            token = params.get("fileToken")
            number = body["id"]
            ids.check(self.records, identity, number)
        # AttributeError: JSON, but no object where one has to be. RecursionError: nested deeply.
        # OverflowError: 1e999 is infinite.
        except (
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            RecursionError,
            OverflowError,
        ) as exc:
            self.records.violation(identity, "bad block request", repr(exc))
            return
        if self._too_fast(identity):
            self._record(identity, offset, size, 0, "block_interval_s")
            return
        fault = self._fault(offset)
        header: dict[str, Any] = {"id": number, "code": 200, self.dialect.block_message: "success"}
        try:
            if fault == "block_code_next":
                raise _NoBlock("refused by a fault")
            data, length = self._read(identity, stream, file, size, offset)
        except _NoBlock as refusal:
            header["code"] = self.faults.block_code
            header[self.dialect.block_message] = str(refusal)
            self._record(identity, offset, size, self.faults.block_code, fault)
            self._send(identity, self._error(header))
            return
        told: dict[str, Any] = {"fileLength": length, "bSize": len(data), "bOffset": offset}
        if token is not None:
            told = {"fileToken": token, **told}
        header["data"] = told
        self._record(identity, offset, size, 0 if fault == "block_lost" else 200, fault)
        self._reply(identity, header, data, fault)

    def _too_fast(self, identity: Identity) -> bool:
        now = self.clock.monotonic()
        last = self._asked.get(identity)
        self._asked[identity] = now
        allowed = self.faults.block_interval_s
        return allowed is not None and last is not None and now - last < allowed

    def _fault(self, offset: int) -> str:
        # The fault that this request suffers; its counter goes down.
        if offset >= self.faults.block_from:
            for name in (f"block_{one}" for one in _FAULTS):
                left = getattr(self.faults, name)
                if left > 0:
                    setattr(self.faults, name, left - 1)
                    return name
        return ""

    def _read(
        self, identity: Identity, stream: int, file: int, size: int, offset: int
    ) -> tuple[bytes, int]:
        # -> the block and the file's length
        first = _STREAMS if stream < _DIFFERENCES else _DIFFERENCES
        try:
            task = self.store.task_by_id(stream - first)
        except (KeyError, OverflowError):  # none, or a number beyond the database's
            raise _NoBlock(f"there is no stream {stream}") from None
        if task.identity != identity or file != _FILE or task.options.get("scheme") != "mqtt":
            self.records.violation(identity, "foreign stream", f"{stream}/{file}")
            raise _NoBlock(f"there is no stream {stream} for this device")
        wanted = self._file(task, first)
        if wanted is None:
            raise _NoBlock(f"stream {stream} is not offered any more")
        left = wanted.size - offset
        if not 1 <= size <= SIZE_MAX or (size < SIZE_MIN and size != left):
            raise _NoBlock(f"a block has {SIZE_MIN} to {SIZE_MAX} bytes")
        if not 0 <= offset < wanted.size:
            raise _NoBlock("the offset is outside the file")
        try:
            with (self.files / wanted.sha256).open("rb") as source:
                source.seek(offset)
                return source.read(size), wanted.size
        except FileNotFoundError:  # somebody took it away after the push
            lost = kept_files.gone(self.files, task.version, wanted)
            self.records.note("warning", identity, str(lost))
            raise _NoBlock("the file is gone") from None

    def _file(self, task: Task, first: int) -> PackageFile | None:
        # What a stream of this task carries; None: a difference that was taken back.
        if first == _STREAMS:
            return self.store.release_by_id(task.release).files[0]
        difference = offered(self.store, task)
        return None if difference is None else difference.file

    def _error(self, header: dict[str, Any]) -> bytes:
        if self.dialect.block_error == "bare":
            return json.dumps(header).encode()
        if self.dialect.block_error == "no-crc":
            return frame(header, b"", None)
        header["data"] = {"bSize": 0}
        return frame(header, b"", 0)

    def _reply(self, identity: Identity, header: dict[str, Any], data: bytes, fault: str) -> None:
        if fault == "block_lost":
            return
        crc: int | None = crc16(data)
        told = header["data"]
        if fault == "block_wrong_offset":
            told["bOffset"] += len(data) if told["bOffset"] == 0 else -len(data)
        elif fault == "block_wrong_length":
            told["fileLength"] += 1
        elif fault == "block_bad_crc":
            crc = crc16(data) ^ 1
        elif fault == "block_bad_data":
            data = data[:-1] + bytes([data[-1] ^ 1])
        elif fault == "block_truncated":
            data, crc = data[: len(data) // 2], None
        payload = frame(header, data, crc)
        if fault == "block_late":
            self.clock.call_later(self.faults.block_late_s, lambda: self._send(identity, payload))
        elif fault == "block_cut":
            self._cut(identity, self._topic(identity), payload)
        else:
            for _ in range(2 if fault == "block_duplicate" else 1):
                self._send(identity, payload)

    @staticmethod
    def _topic(identity: Identity) -> str:
        return topics.name(topics.BLOCK_REPLY, identity)

    def _send(self, identity: Identity, payload: bytes) -> None:
        self.sender.send(identity, self._topic(identity), payload, self.dialect.block_qos)

    def _record(self, identity: Identity, offset: int, size: int, code: int, fault: str) -> None:
        block = Block(self.clock.time(), str(identity), offset, size, code, fault)
        self.records.add(self.records.blocks, block)
