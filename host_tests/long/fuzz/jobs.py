"""Upgrade messages, JSON and not: what the platform's topic may bring, and what it never would."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from hypothesis import strategies as st

from host_tests.long.fuzz import on_device
from host_tests.long.fuzz.inputs import examples, mutated
from host_tests.long.fuzz.target import Outcome, Progress

_HEAP_KIB = 192
URL = "https://dl.example.net/ota/fw.bin?auth_key=1700000000-s3cret"
BODY = b"\xe9" + bytes(5000)

_odd_text = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", "1.1.0", "1.1.0\n", "v" * 64, "v" * 65, "\ud800", "\0", "default", "md5", "200"]
    ),
    st.integers(1, 3000).map(lambda n: "x" * n),
)
_odd_number = st.sampled_from(
    [
        0,
        1,
        -1,
        35,
        36,
        4096,
        1 << 29,
        (1 << 29) + 1,
        1 << 30,
        1 << 31,
        1 << 64,
        10**900,
        0.5,
        1e308,
    ]
)
_odd = st.recursive(
    st.one_of(st.none(), st.booleans(), _odd_number, st.integers(), _odd_text),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_odd_text, inner, max_size=3)
    ),
    max_leaves=6,
)
_KEYS = (
    "size",
    "version",
    "url",
    "sign",
    "md5",
    "signMethod",
    "module",
    "isDiff",
    "files",
    "dProtocol",
    "extData",
    "digestsign",
    "streamId",
)


def good(body: bytes = BODY, version: str = "1.1.0", url: str = URL) -> dict[str, Any]:
    """A push as the platform sends it."""
    md5 = hashlib.md5(body).hexdigest()
    data = {
        "size": len(body),
        "version": version,
        "url": url,
        "signMethod": "Md5",
        "sign": md5,
        "md5": md5,
    }
    return {"code": "1000", "data": data, "id": 1700000000000, "message": "success"}


def _dumped(message: Any, ascii_only: bool) -> bytes:
    return json.dumps(message, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A good push with some of its values replaced, taken away or added."""
    message = good()
    data = message["data"]
    for _ in range(draw(st.integers(0, 3))):
        where = draw(st.sampled_from([message, data, data]))
        key = draw(st.sampled_from([*_KEYS, "code", "id", "data"]))
        if draw(st.booleans()):
            where[key] = draw(_odd)
        else:
            where.pop(key, None)
    return _dumped(message, draw(st.booleans()))


def _nested(depth: int, opener: str, key: str) -> bytes:
    closer = "".join({"[": "]", "{": "}"}[c] for c in reversed(opener) if c in "[{")
    text = opener * depth + "1" + closer * depth
    message = json.dumps(good())
    if key == "whole":
        return text.encode()
    if key in ("code", "id"):
        message = re.sub(f'"{key}": [^,]*', lambda _: f'"{key}": {text}', message)
        return message.encode()
    return message.replace('"data": {', f'"data": {{"{key}": {text}, ').encode()


nested = st.builds(
    _nested,
    st.integers(1, 3500),
    st.sampled_from(["[", '{"a":']),
    st.sampled_from(["whole", "code", "id", *_KEYS]),
)
# What MicroPython's lenient parser takes and no other would.
_lenient = st.sampled_from(
    [
        b"{[]:1}",
        b"{{}:1}",
        b'{"data":{[1]:2}}',
        b'{"data":{"size":1,,}}',
        b"[1 2 3]",
        b'{"a"1}',
        b"{1:2}",
        b"{null:null}",
        b'{"data"}',
        b'{"code":200 "data":{"version":"1"}}',
        b"{",
        b"",
        b'"',
        b"nul",
        b"-",
        b"1e",
        b"--1",
        b'{"data":{"version":"1","size":-}}',
        b"\xff\xfe",
        b'{"data":{"version":"\xff"}}',
        b'"\\ud800"',
        b'"\\u12"',
        b"}",
        b"]" * 9,
        b":,:,",
    ]
)
payloads = st.one_of(
    changed(),
    mutated(changed()),
    nested,
    mutated(_lenient),
    st.binary(max_size=200),
    _odd.map(lambda value: _dumped(value, True)),
    mutated(st.just(_dumped(good(), True)), rounds=6),
)


def fields(message: Any) -> list[Any] | None:
    """What a strict reader finds in a message; None: nothing that is surely a good job."""
    data = message.get("data") if isinstance(message, dict) else None
    if not isinstance(data, dict) or data != {**good()["data"], "version": data.get("version")}:
        return None
    if message.get("code", 200) not in ("1000", "200", 200, 1000):
        return None
    version = data.get("version")
    if not isinstance(version, str) or not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", version):
        return None
    return [version, "default", data["size"], "md5", data["url"], data["sign"]]


def run(seed: int, count: int, progress: Progress) -> Outcome:
    """Into job.parse(): None, a Job that says what the message says, or a BadJob."""
    flags = examples(st.binary(min_size=1, max_size=1), seed, min(count, 256))
    inputs = [
        flags[i % len(flags)] + payload[:8192]
        for i, payload in enumerate(examples(payloads, seed, count))
    ]

    def judge(index: int, told: Any) -> str | None:
        try:
            message = json.loads(inputs[index][1:].decode("utf-8"))
        except (ValueError, RecursionError):
            return None  # only MicroPython's parser understands it: nothing to compare with
        wanted = fields(message)
        if wanted is not None and told != wanted:
            return f"a good job, taken for {told}"
        if told is not None:
            data = message["data"]
            if data.get("files") is not None or "dProtocol" in data:
                return None
            if [data["version"], data["size"], data["url"]] != [told[0], told[2], told[4]]:
                return f"read otherwise than it stands there: {told}"
            if told[5] not in (str(data.get("sign")).lower(), str(data.get("md5")).lower()):
                return "another digest"
        return None

    return on_device.run("fuzz_job.py", inputs, progress, heap_kib=_HEAP_KIB, judge=judge)
