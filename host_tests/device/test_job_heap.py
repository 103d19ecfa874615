"""A job's passing parts come back whole: openings and judged messages, two hundred in a row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from host_tests.kit.device_process import run_device
from host_tests.kit.hostile_http import HostileServer, Talk, write_der
from host_tests.kit.http_download import BODY, QUERY, authority, trusted

ROUNDS = 220
SETTLED = 20  # rounds after which names are interned, and what grows once has grown
# A stale word on the stack may keep an object or two alive, in one round and not in the next.
SLACK = 512

_COMMON = """
import gc, json, sys
from alink import log, parts
log.level = 0
with open(sys.argv[1]) as f:
    told = json.load(f)
heap = [0] * told["rounds"]

def weigh(i, keep):
    gc.collect()
    heap[i] = gc.mem_alloc()
    left = [one for one in sys.modules if one.startswith("alink.") and one not in keep]
    assert not left, left
    assert "requests" not in sys.modules and "tls" not in sys.modules

def tell():
    print(json.dumps(heap))
"""

_OPENINGS = (
    _COMMON
    + """
from alink.errors import AlinkError
from alink.target import Target

with open(told["ca"], "rb") as f:
    ca = f.read()

class Flash(Target):
    def __init__(self):
        self.got = 0

    def write(self, block, n):
        self.got += n

def once(url):
    download = parts.use("job.https")
    fetch = parts.use("job.fetch")
    offer = parts.use("job.offer")
    file = offer.File(told["size"], "md5", bytes(16), url)
    offer = None
    parts.drop("job.offer")
    one = fetch.Download(None, {"tries": 1})
    target = Flash()
    parts.ask("job.checkpoint", "start", one, file, "key", download.Source(ca=ca), target)
    try:
        while target.got < 8192:
            one.step()
        opened = [one for one in sys.modules if one.startswith("alink.job.")]
        leaves = sorted([one[10:] for one in opened])
        assert leaves == ["fetch", "https", "moving"], opened
    except AlinkError:
        pass
    one.close()

# What stays: the root, and the TLS context with its certificates.
keep = None
for i in range(told["rounds"]):
    once(told["urls"][i % len(told["urls"])])
    parts.drop("job")
    if keep is None:
        keep = [one for one in sys.modules if "alink.job" not in one]
        keep.append("alink.job")
    weigh(i, keep)
tell()
"""
)

_MESSAGES = (
    _COMMON
    + """
from alink.errors import AlinkError

payloads = [payload.encode() for payload in told["payloads"]]

def once(payload):
    try:
        job = parts.ask("job.offer", "parse", payload, False)
        return job is None or len(job.files)
    except AlinkError as e:
        return e.text(128)

once(payloads[0])
parts.drop("job", "versions")
keep = list(sys.modules)
for i in range(told["rounds"]):
    assert once(payloads[i % len(payloads)])
    parts.drop("job", "versions")
    weigh(i, keep)
tell()
"""
)


def check(said: str) -> None:
    """No round leaves more than it found."""
    heap = json.loads(said.strip().rpartition("\n")[2])
    assert len(heap) == ROUNDS
    settled = heap[SETTLED:]
    assert max(settled) <= min(settled) + SLACK, (min(settled), max(settled))
    assert settled[-1] <= settled[0] + SLACK // 2, settled[-20:]


def test_openings_and_closings_leave_nothing_behind(tmp_path: Path) -> None:
    size = len(BODY)

    def script(talk: Talk) -> None:
        head = f"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: {size}\r\n\r\n"
        request = talk.read_request()
        if b"/gone" in request:
            head = "HTTP/1.1 404 Not Found\r\n\r\n"
        talk.send(head.encode() + BODY[: 2000 if b"/short" in request else size])

    task = tmp_path / "task.json"
    with HostileServer(script, trusted()) as server:
        names = ("/fw.bin", "/fw.bin", "/gone", "/fw.bin", "/short")
        urls = [server.url(f"{name}?{QUERY}") for name in names]
        ca = write_der(authority(), tmp_path / "ca.der")
        told = {"urls": urls, "ca": str(ca), "size": size, "rounds": ROUNDS}
        task.write_text(json.dumps(told))
        check(run_device(_OPENINGS, str(task)))
        assert server.connections == ROUNDS


@pytest.mark.parametrize("files", [0, 20])
def test_judged_messages_leave_nothing_behind(tmp_path: Path, files: int) -> None:
    sign = "5aea39a2a288d22d9b19b9cab95bf00c"
    url = f"https://dl.example.net/fw.bin?{QUERY}"
    data: dict[str, object] = {"version": "1.1.0", "signMethod": "Md5"}
    one = {"fileSize": 272, "fileUrl": url, "fileSign": sign}
    if files:
        data["files"] = [{**one, "fileName": f"part{i}"} for i in range(files)]
    else:
        data.update(size=272, url=url, sign=sign, digestsign="AAEC" * 80)
    good = {"code": "1000", "data": data, "id": 1758012345678}
    payloads = [
        json.dumps(message)
        for message in (
            good,
            {**good, "data": {**data, "version": "no version"}},
            {**good, "data": {**data, "isDiff": 1}},
            {"code": 200, "data": {}},
        )
    ]
    task = tmp_path / "task.json"
    task.write_text(json.dumps({"payloads": [*payloads, "no json"], "rounds": ROUNDS}))
    check(run_device(_MESSAGES, str(task)))
