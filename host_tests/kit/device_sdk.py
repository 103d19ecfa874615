"""The platform's own SDK for devices, in a process of its own: its MQTT library is an older one.

    with Linkkit(PK, DN, SECRET, cloud.mqtt_port, cloud.ca_pem) as sdk:
        sdk.told("connected")
        sdk.call("ota_report_version", None, "1.0.0")

Lines of JSON each way: there a method and its arguments, back what it told.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit.raw_mqtt import TIMEOUT_S


def folder() -> Path:
    """Where it is installed; skips the test by name where it is not."""
    found = Path(sys.prefix) / "linkkit"
    if not (found / "linkkit" / "linkkit.py").is_file():
        pytest.skip(f"NO LINKKIT HERE: pip install --target {found} -r host_tests/linkkit.txt")
    return found


class Linkkit:
    """One device of theirs, which signs in at once. `ca` (PEM) is what it trusts.

    Use it as a context manager.
    """

    def __init__(
        self,
        product_key: str,
        device_name: str,
        secret: str,
        port: int,
        ca: bytes,
        *,
        tls: bool = False,
    ) -> None:
        settings = [product_key, device_name, secret, port, ca.decode(), "TLS" if tls else ""]
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("device_sdk_process.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(folder())},
        )
        self._told: queue.Queue[list[Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()
        self._send(settings)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._told.put(json.loads(line))

    def _send(self, line: list[Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()

    def call(self, method: str, *arguments: Any) -> None:
        """Call a method of the SDK's client."""
        self._send([method, *arguments])

    def told(self, what: str) -> Any:
        """The next thing of this kind that it tells; others before it are passed over."""
        while True:
            kind, value = self._told.get(timeout=TIMEOUT_S)
            if kind == what:
                return value

    def __enter__(self) -> Linkkit:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # it signs off then
        try:
            self._process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
