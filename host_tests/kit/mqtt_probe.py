"""A Device in a process of its own (real MicroPython), and a test's talk with it."""

from __future__ import annotations

import json
import queue
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from host_tests.kit.accepting import accepted, stop_accepting
from host_tests.kit.device_process import ROOT, command, environment

PK = "a1B2c3D4e5F"
DN = "greenhouse_07"
SECRET = "0123456789abcdef0123456789abcdef"
USER = f"/{PK}/{DN}/user"
WAIT_S = 30.0
_SCRIPT = ROOT / "host_tests" / "device" / "mqtt_probe.py"


class Probe:
    """Runs host_tests/device/mqtt_probe.py. `events` holds every [event, ...] it told, in order.

    Keywords are the Device's; `ca` (DER or PEM bytes) is handed over in a file, `topics` are
    subscribed to before the first poll. Use it as a context manager.
    """

    def __init__(self, port: int, *, topics: tuple[str, ...] = (), **device: Any) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mqtt-probe-")
        folder = Path(self._folder.name)
        config: dict[str, Any] = {
            "product_key": PK,
            "device_name": DN,
            "device_secret": SECRET,
            "host": "127.0.0.1",
            "port": port,
            "secure": False,
            "topics": list(topics),
            **device,
        }
        if "ca" in config:
            (folder / "ca").write_bytes(config["ca"])
            config["ca"] = str(folder / "ca")
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        self.events: list[list[Any]] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._process = subprocess.Popen(
            command(_SCRIPT, str(folder / "config.json")),
            env=environment(),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._folder.cleanup()

    def tell(self, *words: Any) -> None:
        """Give it a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()

    def wait(self, *start: Any) -> list[Any]:
        """The next event that begins with these words; those before it are kept in `events`."""
        return self.wait_for(lambda event: event[: len(start)] == list(start), str(start))

    def wait_for(self, wanted: Callable[[list[Any]], bool], what: str) -> list[Any]:
        """The next event for which wanted(event) is true. Fails with everything told so far."""
        end = time.monotonic() + WAIT_S
        while True:
            try:
                line = self._lines.get(timeout=max(end - time.monotonic(), 0.001))
            except queue.Empty:
                line = None
            if line is None:
                told = "\n".join(map(str, self.events))
                raise AssertionError(f"waited for {what}; it told:\n{told}")
            event = self._event(line)
            self.events.append(event)
            if wanted(event):
                return event

    @staticmethod
    def _event(line: str) -> list[Any]:
        if line.startswith("["):
            try:
                return list(json.loads(line))
            except ValueError:
                pass  # the log: its lines begin with [alink]
        return ["log", line]

    def told(self, name: str) -> list[list[Any]]:
        """The events of this name so far."""
        return [event for event in self.events if event[0] == name]

    def slowest_ms(self) -> int:
        """The longest poll() it told of (those under 150 ms it keeps to itself)."""
        return max((event[1] for event in self.told("slow")), default=0)


class Peer:
    """Takes connections and lets a test's script serve each: script(connection, number).

    The script runs in a thread; the connection is closed when it returns. `sockets` keeps them.
    """

    def __init__(self, script: Callable[[socket.socket, int], None]) -> None:
        self._script = script
        self.sockets: list[socket.socket] = []
        self.errors: list[BaseException] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        for sock in accepted(self._server):
            self.sockets.append(sock)
            number = len(self.sockets)
            thread = threading.Thread(target=self._serve, args=(sock, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        with sock:
            sock.settimeout(WAIT_S)
            try:
                self._script(sock, number)
            except OSError:
                pass  # the device hung up, which is what most of these tests are about
            except BaseException as exc:
                self.errors.append(exc)

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        stop_accepting(self._server)
        for sock in self.sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join()
        if self.errors and exc is None:
            raise self.errors[0]


def receive(sock: socket.socket, size: int) -> bytes:
    """Exactly so many bytes. Raises ConnectionError when the device closes before."""
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise ConnectionError("closed by the device")
        data += piece
    return data


def packet(sock: socket.socket) -> tuple[int, bytes]:
    """The next MQTT packet: its first byte and its body."""
    first = receive(sock, 1)[0]
    size = shift = 0
    while True:
        digit = receive(sock, 1)[0]
        size |= (digit & 0x7F) << shift
        shift += 7
        if not digit & 0x80:
            return first, receive(sock, size)


def accept_sign_in(sock: socket.socket) -> None:
    """Take the CONNECT and say yes."""
    first, _ = packet(sock)
    assert first == 0x10
    sock.sendall(b"\x20\x02\x00\x00")
