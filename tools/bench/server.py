"""The platform's stand-in as a process of its own: its CPU is not the bench's, and is counted.

    with Server(folder) as cloud:
        cloud.call("push", PK, DN, "1.1.0")     any method of LocalCloud, JSON in and out

Requests and answers are lines of JSON on the process's stdin and stdout.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.cloud import Broker, LocalCloud
from tools.cloud.identity import Identity
from tools.cloud.ota.tasks import DEFAULT_MODULE
from tools.cloud.records import KEEP

_TICKS = os.sysconf("SC_CLK_TCK")


class ServerError(RuntimeError):
    """The stand-in could not do it; the text is its own."""


@dataclass(frozen=True)
class Usage:
    """What a process has taken so far; NaN where the system does not tell (no /proc)."""

    cpu_s: float
    rss_mib: float
    peak_mib: float


def usage(pid: int) -> Usage:
    """CPU time and memory of a process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        nan = float("nan")
        return Usage(nan, nan, nan)
    sizes = {
        line.partition(":")[0]: int(line.split()[1])
        for line in status.splitlines()
        if line.startswith(("VmRSS", "VmHWM"))
    }
    return Usage(
        (int(fields[11]) + int(fields[12])) / _TICKS,
        sizes.get("VmRSS", 0) / 1024,
        sizes.get("VmHWM", 0) / 1024,
    )


class Server:
    """The client's end. Use it as a context manager: the process ends with it."""

    def __init__(self, folder: Path, broker: dict[str, Any] | None = None) -> None:
        """`broker`: sign in there, with the fields of Broker, and keep as much as `serve` does."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.bench.server", str(folder), json.dumps(broker)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            info = self.call("info")
        except BaseException:
            self.close()
            raise
        self.ports: dict[str, int] = info["ports"]
        self.ca_der = bytes.fromhex(info["ca"])
        self.ca_file = Path(info["ca_file"])

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def usage(self) -> Usage:
        """What the server has taken so far."""
        return usage(self._process.pid)

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """One method; its result as JSON knows it. Raises ServerError."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, args, kwargs]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise ServerError("the server process has ended")
        answer = json.loads(line)
        if "error" in answer:
            raise ServerError(answer["error"])
        return answer["result"]

    def fault(self, **values: Any) -> None:
        """Set faults (see tools.cloud.Faults)."""
        self.call("fault", **values)


class _Commands:
    """What the process answers beside LocalCloud's own methods."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud

    def info(self) -> dict[str, Any]:
        """Ports and certificate authority."""
        cloud = self.cloud
        ports = {
            "mqtt": cloud.mqtt_port,
            "mqtts": cloud.mqtts_port,
            "http": cloud.http_port,
            "https": cloud.https_port,
        }
        return {"ports": ports, "ca": cloud.ca_der.hex(), "ca_file": str(cloud.ca_file)}

    def add_device(self, pk: str, dn: str) -> str:
        """A device's secret."""
        return self.cloud.add_device(pk, dn).secret

    def add_devices(self, pk: str, names: list[str]) -> list[str]:
        """Their secrets."""
        book = self.cloud._program.ota.book
        return self.cloud._call(lambda: [book.add_device(pk, name, None) for name in names])

    def broker_is_there(self) -> bool:
        """Whether the service is signed in at its broker."""
        return self.cloud.broker_connected

    def reported(self, version: str) -> int:
        """How many devices have reported this version."""
        store = self.cloud._program.store
        told = self.cloud._call(store.all_versions).values()
        return sum(versions.get(DEFAULT_MODULE) == version for versions in told)

    def rollout(self, pk: str, version: str) -> int:
        """Offer a version, and push it to all devices of a product; the batch's number."""
        self.cloud.add_release(pk, version, version.encode())
        return self.cloud.batch(pk, version).id

    def states(self, batch: int) -> dict[str, int]:
        """State -> how many tasks of a batch are in it."""
        return self.cloud._call(lambda: self.cloud._program.store.counts(batch))

    def add_release(self, pk: str, version: str, path: str) -> None:
        """A file as a version."""
        self.cloud.add_release(pk, version, Path(path))

    def fault(self, **values: Any) -> None:
        """Set faults."""
        for name, value in values.items():
            setattr(self.cloud.faults, name, value)

    def downloads(self) -> list[dict[str, Any]]:
        """Every file download."""
        return [
            {"start": d.range_start or 0, "status": d.status, "sent": d.bytes_sent}
            for d in self.cloud.downloads
        ]

    def push_all(self, pk: str, names: list[str], version: str) -> float:
        """Push to many at once; when that began."""
        began = time.time()
        for name in names:
            self.cloud.push(pk, name, version)
        return began

    def ended(self, pk: str, version: str) -> dict[str, Any]:
        """Tasks by state, and when the last one ended."""
        cloud = self.cloud
        tasks = cloud._call(
            lambda: cloud._program.store.tasks("pk = ? and version = ?", pk, version)
        )
        states: dict[str, int] = {}
        for task in tasks:
            states[task.state] = states.get(task.state, 0) + 1
        times = [task.history[-1].time for task in tasks if not task.unfinished]
        return {"states": states, "last": max(times, default=0.0)}

    def versions(self, pk: str, names: list[str], version: str) -> int:
        """How many of them have reported this version."""
        store = self.cloud._program.store
        wanted = [Identity(pk, name) for name in names]
        return self.cloud._call(
            lambda: sum(store.version(one, DEFAULT_MODULE) == version for one in wanted)
        )


def main() -> None:
    """Serve until stdin ends."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever prints by itself must not stand between the answers
    broker = json.loads(sys.argv[2])
    settings: dict[str, Any] = {}
    if broker is not None:
        settings = {"broker": Broker(**broker), "keep": KEEP}
    with LocalCloud(sys.argv[1], **settings) as cloud:
        cloud.faults.connects_per_minute = None  # boards are switched on and off here
        commands = _Commands(cloud)
        for line in sys.stdin:
            name, args, kwargs = json.loads(line)
            answer: dict[str, Any]
            try:
                method = getattr(commands, name, None) or getattr(cloud, name)
                answer = {"result": method(*args, **kwargs)}
            except Exception as exc:  # told to the caller, who decides
                answer = {"error": f"{type(exc).__name__}: {exc}"}
            out.write(json.dumps(answer, default=str) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
