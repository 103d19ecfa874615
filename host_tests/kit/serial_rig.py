"""A cloud, a board with a serial port, and tools/flash.py at the other end of it."""

from __future__ import annotations

import contextlib
import io
import os
import select
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import serial

from host_tests.kit import port_names
from host_tests.kit.bridge import SerialBoard
from host_tests.kit.rig import DN, PK, Rig
from tools.flash import main as flash_main

# An application that only says that it runs: where no cloud is wanted.
QUIET = """
import time
from version import VERSION
print("quiet", VERSION)
while True:
    time.sleep_ms(10)
"""


# In an image of this one deploy and selftest find all of alink that they may need.
QUIET_FOR_ALL = QUIET + "# setup\n"


class SerialRig(Rig):
    """A Rig whose board is reached by its port."""

    board: SerialBoard

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(folder, **options)
        self.board.close()
        self.board = SerialBoard(folder / "flash.bin")

    def __enter__(self) -> SerialRig:
        return self

    @property
    def port(self) -> str:
        """What to give as --port."""
        return self.board.port

    def begin(self, version: str = "1.0.0", source: str = QUIET) -> None:
        """Put an application into slot 0 and switch on, without waiting for the cloud."""
        self.board.write_slot(0, self.image(version, source))
        self.board.power_on()
        self.says("quiet " + version if QUIET in source else version)

    def settings_file(self, **changes: str | None) -> Path:
        """A file for `provision --file` with what signs this board in; None leaves a key out."""
        ca = self.folder / "ca.pem"
        ca.write_bytes(self.cloud.ca_pem)
        values: dict[str, str | None] = {
            "product_key": PK,
            "device_name": DN,
            "device_secret": self.device.secret,
            "host": "127.0.0.1",
            "port": str(self.cloud.mqtts_port),
            "ca": ca.name,
            "wifi_ssid": "roof",
            "wifi_pass": "wifi-password",
            **changes,
        }
        path = self.folder / "board.env"
        path.write_text("".join(f"{k} = {v}\n" for k, v in values.items() if v is not None))
        return path

    def flash(self, verb: str, *arguments: str | Path) -> tuple[int, str]:
        """Run a verb of tools/flash.py on the board: (exit code, what it printed)."""
        return flash(verb, "--port", self.port, *map(str, arguments))


def flash(*arguments: str) -> tuple[int, str]:
    """Run tools/flash.py in this process: (exit code, stdout and stderr)."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = flash_main(list(arguments))
    return code, said.getvalue()


class TcpPort:
    """A port of this computer as one of the network: what socket://HOST:PORT is for."""

    def __init__(self, name: str) -> None:
        self._port = serial.Serial(name, timeout=0.05)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.url = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> TcpPort:
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False
        self._thread.join(5)
        self._listener.close()
        self._port.close()

    def _run(self) -> None:
        while self._open:
            # OSError: nobody yet, or gone again.
            with contextlib.suppress(OSError), self._listener.accept()[0] as peer:
                self._relay(peer)

    def _relay(self, peer: socket.socket) -> None:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll = select.poll()
        poll.register(peer, select.POLLIN)
        poll.register(self._port.fd, select.POLLIN)
        while self._open:
            for fd, _ in poll.poll(50):
                if fd == self._port.fd:
                    peer.sendall(self._port.read(self._port.in_waiting or 1))
                elif data := peer.recv(4096):
                    self._port.write(data)
                else:
                    return


class Stranger:
    """A port with something else than a board behind it: `answer` gets what is typed."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer
        self._master, slave = os.openpty()
        self.port = port_names.lend(slave)
        self._slave = slave  # kept open: so that reading the master just waits
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Stranger:
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._slave, b"\n\x00")  # the end: what _run() waits for
        self._thread.join(5)
        os.close(self._slave)
        os.close(self._master)
        port_names.give_back(self.port)

    def _run(self) -> None:
        while True:
            typed = os.read(self._master, 4096)
            if b"\x00" in typed:
                return
            os.write(self._master, self._answer(typed))


def raw_repl(output: bytes) -> Callable[[bytes], bytes]:
    """The answers of a raw REPL that prints `output` for every program."""
    held = bytearray()

    def answer(typed: bytes) -> bytes:
        held.extend(typed)
        said = b""
        if b"\r\x01" in held:
            said += b"raw REPL; CTRL-B to exit\r\n>"
            held.clear()
        elif b"\x05A\x01" in held:
            said += b"R\x00"  # understood, not supported: the plain raw REPL
            held.clear()
        elif b"\x04" in held:
            said += b"OK" + output + b"\x04\x04>"
            held.clear()
        return said

    return answer
