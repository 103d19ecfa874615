"""A TCP proxy that misbehaves by a seed: what a connection suffers can be played again.

Connection number n of a proxy always gets the same Plan for the same seed. After `faults` bad
connections every further one is passed on untouched, so that what is tested can end.
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass

from host_tests.kit.accepting import accepted, stop_accepting

PACES = ("at once", "delay", "bytes")
ENDS = ("none", "drop", "half", "half", "stall", "reset", "reset")
_PIECE = 4096
_STALL_S = 30.0  # a stalled connection is let go of then, should nobody close it
_DRIBBLED = 3000  # bytes that travel one at a time; a whole image would take minutes


@dataclass(frozen=True)
class Plan:
    """What happens to one connection: how it flows, and how it ends after `after` bytes.

    pace: "delay" (each piece waits `delay_s`) or "bytes" (one at a time, the first few thousand).
    end: "drop" (closed as soon as it is accepted), "half" (half of a piece, then the end),
    "stall" (half a piece, then nothing any more, but it stays open), "reset" (half a piece, then
    RST), "none". down: counted and done on what comes from the server, else on what the device
    sends.
    """

    pace: str = "at once"
    end: str = "none"
    after: int = 0
    delay_s: float = 0.0
    down: bool = True

    @staticmethod
    def draw(seed: str, number: int, most: int) -> Plan:
        """The plan of a connection; `most`: how many bytes may pass before the fault."""
        dice = random.Random(f"{seed}/{number}")
        pace, end = dice.choice(PACES), dice.choice(ENDS)
        after = int(most * dice.random() ** 2)
        return Plan(pace, end, after, dice.uniform(0.001, 0.03), dice.random() < 0.7)

    def __str__(self) -> str:
        return f"{self.pace}/{self.end} after {self.after}"


class FaultProxy:
    """Passes connections on to a port of this host; use it as a context manager.

    port: where it listens. plans: what each connection got, in order.
    """

    def __init__(self, port: int, seed: str, faults: int, most: int) -> None:
        self._to = port
        self._seed = seed
        self._faults = faults
        self._most = most
        self.plans: list[Plan] = []
        self._closing = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        stop_accepting(self._server)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        for sock in accepted(self._server):
            number = len(self.plans)
            plan = Plan()
            if number < self._faults:
                plan = Plan.draw(self._seed, number, self._most)
            self.plans.append(plan)
            thread = threading.Thread(target=self._serve, args=(sock, plan), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, device: socket.socket, plan: Plan) -> None:
        # OSError: one of the two went away; the other one is told by the close.
        with device, contextlib.suppress(OSError):
            if plan.end == "drop":
                return
            with socket.create_connection(("127.0.0.1", self._to), 10) as server:
                for sock in (device, server):
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._pass_on(device, server, plan)

    def _pass_on(self, device: socket.socket, server: socket.socket, plan: Plan) -> None:
        # Both ways until one side ends or the fault does.
        passed = 0
        while not self._closing.is_set():
            for source in select.select([device, server], [], [], 0.05)[0]:
                down = source is server
                piece = source.recv(_PIECE)
                if not piece:
                    return
                target = device if down else server
                if down != plan.down:
                    target.sendall(piece)
                    continue
                ends = plan.end != "none" and passed + len(piece) > plan.after
                if ends:
                    piece = piece[: len(piece) // 2]
                if plan.pace == "delay":
                    time.sleep(plan.delay_s)
                if plan.pace == "bytes" and passed < _DRIBBLED:
                    for at in range(len(piece)):
                        target.sendall(piece[at : at + 1])
                else:
                    target.sendall(piece)
                if ends:
                    self._end(device, plan.end)
                    return
                passed += len(piece)

    def _end(self, device: socket.socket, how: str) -> None:
        if how == "reset":
            device.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif how == "stall":
            # Until the device gives up; what it still says is read and lost.
            end = time.monotonic() + _STALL_S
            with contextlib.suppress(OSError):
                while not self._closing.is_set() and time.monotonic() < end:
                    if select.select([device], [], [], 0.05)[0] and not device.recv(_PIECE):
                        return
