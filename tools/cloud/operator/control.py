"""The way from the other commands to a running `serve`: one line of JSON there, one back.

The server leaves `control.json` (a port on 127.0.0.1 and a token) in its folder, readable by its
owner only; who can read it may control the server.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.cloud.store import Store, Task

if TYPE_CHECKING:
    from tools.cloud.program import Program

_NAME = "control.json"
_LINE_BYTES = 64 * 1024
_TIMEOUT_S = 10.0
_NOTES = 12


class Control:
    """The server's end."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._path = program.folder / _NAME
        self._token = secrets.token_hex(16)
        self.questions = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen, and tell where."""
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", 0, limit=_LINE_BYTES
        )
        text = json.dumps({"port": self._server.sockets[0].getsockname()[1], "token": self._token})
        partial = self._path.with_suffix(".part")
        with os.fdopen(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as out:
            out.write(text)
        partial.replace(self._path)

    async def stop(self) -> None:
        """Listen no longer, and take the file away if it is still this server's."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._path.exists() and self._token in self._path.read_text():
            self._path.unlink()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await asyncio.wait_for(reader.readline(), _TIMEOUT_S)
            request = json.loads(line)
            if not hmac.compare_digest(str(request.get("token")).encode(), self._token.encode()):
                return
            self.questions += 1
            self._program.records.changed()
            writer.write(json.dumps(self._answer(request)).encode() + b"\n")
            await asyncio.wait_for(writer.drain(), _TIMEOUT_S)
        # RecursionError: JSON that is nested deeply.
        except (
            OSError,
            ValueError,
            AttributeError,
            RecursionError,
            asyncio.TimeoutError,
        ) as exc:
            # Whoever that was does not speak our language; a command reports the silence.
            self._program.records.note("control", "-", f"a bad control request: {exc!r}")
        finally:
            writer.close()

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("op") == "offer":
            task = self._program.store.task_by_id(int(request["task"]))
            return {"sent": self._program.ota.offer(task)}
        if request.get("op") == "release":
            return {"sent": self._program.ota.rollout.release(int(request["batch"]))}
        return snapshot(self._program)


def snapshot(program: Program) -> dict[str, Any]:
    """What the server is doing, for `status` and `watch`: no secret and no link in it."""
    store, records = program.store, program.records
    online = {str(identity): c.tls for identity, c in program.gateway.sessions.items()}
    return {
        "ports": {name: listener.port for name, listener in program.listeners.items()},
        "public": program.public,
        "online": online,
        "broker": _broker(program),
        "devices": device_rows(store.devices(), store.versions),
        "tasks": [task_row(task) for task in store.tasks()],
        "batches": batch_rows(store),
        "downloads": [
            {
                "device": d.device,
                "file": d.file,
                "start": d.range_start or 0,
                "sent": d.bytes_sent,
                "size": d.size,
            }
            for d in records.downloads
            if not d.ended
        ],
        "notes": [[n.time, n.kind, n.device, n.text] for n in records.notes[-_NOTES:]],
        "violations": len(records.violations),
    }


def _broker(program: Program) -> str | None:
    link = program.broker
    return None if link is None else f"{link.broker}: {link.state}"


def device_rows(devices: list[Any], versions: Any) -> dict[str, dict[str, str]]:
    """Device -> what it has reported, module by module."""
    return {str(identity): versions(identity) for identity in devices}


def batch_rows(store: Store) -> list[dict[str, Any]]:
    """Batches for a table: what they are for, and how many of their tasks are in which state."""
    return [
        {
            "id": batch.id,
            "product": batch.product_key,
            "module": batch.module,
            "version": batch.version,
            "dynamic": batch.dynamic,
            "state": batch.state,
            "counts": store.counts(batch.id),
        }
        for batch in store.batches()
    ]


def task_row(task: Task) -> dict[str, Any]:
    """A task for a table."""
    return {
        "id": task.id,
        "batch": task.batch,
        "device": str(task.identity),
        "module": task.module,
        "source": task.source,
        "version": task.version,
        "state": task.state,
        "step": task.step,
        "desc": task.desc,
        "created": task.created,
    }


def ask(folder: Path, op: str, **more: Any) -> dict[str, Any] | None:
    """Ask the server that runs in this folder; None when none does."""
    try:
        where = json.loads((folder / _NAME).read_text())
        with socket.create_connection(("127.0.0.1", where["port"]), _TIMEOUT_S) as sock:
            sock.sendall(json.dumps({"token": where["token"], "op": op, **more}).encode() + b"\n")
            with sock.makefile("rb") as file:
                line = file.readline()
        answer = json.loads(line) if line else None
    except (OSError, ValueError, KeyError):
        # No file, a file left behind by a server that was killed, or another program's port.
        return None
    return answer if isinstance(answer, dict) else None
