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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.cloud.records import Records

_NAME = "control.json"
_LINE_BYTES = 64 * 1024
_TIMEOUT_S = 10.0


class Control:
    """The server's end. `answer` makes the answer to a request (both JSON objects)."""

    def __init__(
        self, folder: Path, records: Records, answer: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> None:
        self._records = records
        self._answer = answer
        self._path = folder / _NAME
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
            self._records.changed()
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
            self._records.note("control", "-", f"a bad control request: {exc!r}")
        finally:
            writer.close()


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
