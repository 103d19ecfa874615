"""Streams of MQTT packets as a hostile gateway would send them to a Device."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from host_tests.long.fuzz import on_device
from host_tests.long.fuzz.inputs import examples, filler, mutated
from host_tests.long.fuzz.target import Outcome, Progress

_HEAP_KIB = 256
OWN = b"/a1B2c3D4e5F/greenhouse_07/user/get"
_TOPICS = st.one_of(
    st.sampled_from(
        [OWN, OWN[:-3] + b"tree/a", OWN[:-3] + b"tree", b"$SYS/x", b"#", b"+", b"", b"/", b"\xff"]
    ),
    st.binary(max_size=20),
    st.integers(200, 3000).map(lambda n: b"t" * n),
)
_PAYLOADS = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([0, 1, 255, 256, 257, 1023, 1024, 1025, 5000]).map(lambda n: filler(n, n)),
)
_PIDS = st.sampled_from([0xFEFE, 0xFEFE, 0, 1, 2, 3, 65535])


def length(size: int, digits: int = 0) -> bytes:
    """A remaining length, in at least `digits` bytes (more than needed is malformed)."""
    out = bytearray()
    while True:
        out.append(size & 127)
        size >>= 7
        if not size and len(out) >= digits:
            break
    return bytes(b | 128 for b in out[:-1]) + out[-1:]


def packet(first: int, body: bytes) -> bytes:
    """A packet with its true length."""
    return bytes([first]) + length(len(body)) + body


def publish(topic: bytes, payload: bytes, flags: int, pid: int) -> bytes:
    """A PUBLISH with any flags."""
    body = struct.pack(">H", len(topic)) + topic
    if flags & 6:
        body += struct.pack(">H", pid)
    return packet(0x30 | flags, body + payload)


_packets = st.one_of(
    st.builds(publish, _TOPICS, _PAYLOADS, st.integers(0, 15), _PIDS),
    st.builds(publish, st.just(OWN), _PAYLOADS, st.sampled_from([0, 2, 10]), _PIDS),
    st.builds(
        lambda pid, codes: packet(0x90, struct.pack(">H", pid) + bytes(codes)),
        _PIDS,
        st.lists(st.sampled_from([0, 1, 2, 3, 0x80, 255]), max_size=12),
    ),
    st.builds(
        lambda pid, more: packet(0x40, struct.pack(">H", pid) + more), _PIDS, st.binary(max_size=3)
    ),
    st.sampled_from(
        [b"\xd0\0", b"\xd0\1x", b"\x20\2\0\0", b"\x20\2\0\5", b"\xb0\2\0\1", b"\x62\2\0\1"]
    ),
    st.builds(packet, st.integers(0, 255), st.binary(max_size=30)),
    st.builds(
        lambda first, size, digits, rest: bytes([first]) + length(size, digits) + rest,
        st.sampled_from([0x30, 0x32, 0x34, 0x36, 0x40, 0x90, 0xD0, 0x00, 0xF0]),
        st.integers(0, (1 << 28) - 1) | st.integers(0, 300),
        st.integers(0, 6),
        st.binary(max_size=60),
    ),
)
_streams = mutated(st.lists(_packets, min_size=1, max_size=5).map(b"".join))
_inputs = st.builds(
    lambda mode, piece, stream: bytes([mode]) + struct.pack(">H", piece) + stream,
    st.sampled_from([0, 0, 1, 1, 2]),
    st.sampled_from([1, 2, 3, 7, 255, 256, 257, 1460, 65535]),
    _streams,
)


def run(seed: int, count: int, progress: Progress) -> Outcome:
    """No exception, no foreign or long message, no growth, and well again afterwards."""
    inputs = [one[:9000] for one in examples(_inputs, seed, count)]
    return on_device.run("fuzz_mqtt.py", inputs, progress, heap_kib=_HEAP_KIB)
