"""One download by the device's HttpSource from a hostile server, for tests.

REQUESTS_DIR=folder in the environment puts another `requests` in front of the frozen one, to try
the source against a newer release.
"""

from __future__ import annotations

import datetime
import functools
import json
import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme

from host_tests.kit.device_process import run_device
from host_tests.kit.hostile_http import HostileServer, Script, server_context, write_der

PROBE = Path(__file__).resolve().parents[1] / "device" / "http_probe.py"
SECRET = "f0rgeMe"
# As long as the platform's links are: object storage signs with over 700 characters of query.
QUERY = f"Expires=1999999999&security-token={'t0' * 400}&Signature={SECRET}"
NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
BODY = bytes(i * 7 % 251 for i in range(10_000))


@dataclass(frozen=True)
class Outcome:
    """What became of one download: see http_probe.py. Times in milliseconds.

    start: what open() returned. left: bytes not handed on in whole chunks. waits: calls that
    found the chunk incomplete. leaked: sockets left open.
    """

    start: int | None
    error: str | None
    text: str
    desc: str
    md5: str
    left: int
    waits: int
    open_ms: int
    body_ms: int
    total_ms: int
    leaked: int
    tls_left_behind: bool
    socket_restored: bool


@functools.cache
def authority() -> trustme.CA:
    """The CA the device trusts in these tests."""
    return trustme.CA()


@functools.cache
def trusted() -> ssl.SSLContext:
    """A server's TLS with a good certificate for localhost and 127.0.0.1."""
    return server_context(authority().issue_cert("localhost", "127.0.0.1"))


def certificate(
    not_before: datetime.datetime | None = None, not_after: datetime.datetime | None = None
) -> ssl.SSLContext:
    """A server's TLS with a certificate for localhost of the trusted CA and odd dates."""
    leaf = authority().issue_cert("localhost", not_before=not_before, not_after=not_after)
    return server_context(leaf)


def download(url: str, size: int = len(BODY), **told: object) -> Outcome:
    """Let a device download `url`; told: further settings of http_probe.py.

    Checks what holds for every download, however it ended: no socket left open, requests as it
    was before, and not a word of the link's query in an error.
    """
    first = [Path(os.environ["REQUESTS_DIR"])] if "REQUESTS_DIR" in os.environ else []
    with tempfile.TemporaryDirectory(prefix="task-") as folder:
        ca = write_der(authority(), Path(folder) / "ca.der")
        task = Path(folder) / "task.json"
        task.write_text(json.dumps({"url": url, "size": size, "ca": str(ca), **told}))
        output = run_device(PROBE, str(task), first=first)
    outcome = Outcome(**json.loads(output.strip().rpartition("\n")[2]))
    assert outcome.leaked == 0, outcome
    assert outcome.socket_restored, outcome
    assert not outcome.tls_left_behind, outcome
    assert SECRET not in output
    assert "Signature" not in output
    return outcome


def fetch(script: Script, *, tls: ssl.SSLContext | None = None, **told: Any) -> Outcome:
    """Let a device download from a server that runs `script` over TLS."""
    with HostileServer(script, tls or trusted()) as server:
        return download(server.url(f"/fw.bin?{QUERY}"), **told)


def fetch_plain(script: Script, **told: Any) -> Outcome:
    """The same over http://, which the device was told to allow."""
    with HostileServer(script, None) as server:
        return download(server.url(f"/fw.bin?{QUERY}"), allow_http=True, **told)
