"""Packets of a hostile device into the stand-in's gateway, beside a neighbour signed in."""

from __future__ import annotations

import json
import re
import struct
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from host_tests.kit.raw_mqtt import DN, PK, connect_packet, packet, text
from host_tests.long.fuzz.inputs import examples, filler, mutated
from host_tests.long.fuzz.on_cloud import OTHER, SECRETS, Fire
from host_tests.long.fuzz.packets import length
from host_tests.long.fuzz.target import Finding, Outcome, Progress

# Every topic of a device, and what only its owner may read or write.
_TEMPLATES = (
    "/ota/device/inform/{pk}/{dn}",
    "/ota/device/upgrade/{pk}/{dn}",
    "/ota/device/progress/{pk}/{dn}",
    "/sys/{pk}/{dn}/thing/ota/firmware/get",
    "/sys/{pk}/{dn}/thing/ota/firmware/get_reply",
    "/{pk}/{dn}/user/get",
    "/ext/rrpc/7/{pk}/{dn}/get",
    "/shadow/get/{pk}/{dn}",
    "/broadcast/{pk}/{dn}/all",
)
# What is broadcast to a product is for each of its devices.
_FOREIGN = [
    t.format(pk=p, dn=d)
    for t in _TEMPLATES
    for p, d in ((PK, OTHER), ("b2C", DN))
    if p != PK or "broadcast" not in t
]

_names = st.sampled_from([DN, DN, OTHER, "+", "#", "greenhouse_0", DN + "x", "", "..", "\u00e9"])
_keys = st.sampled_from([PK, PK, "b2C", "+", "#", PK.lower()])
_topics = st.one_of(
    st.builds(
        lambda t, pk, dn: t.format(pk=pk, dn=dn), st.sampled_from(_TEMPLATES), _keys, _names
    ),
    st.lists(
        st.sampled_from(
            [
                "",
                "+",
                "#",
                PK,
                DN,
                OTHER,
                "ota",
                "device",
                "upgrade",
                "sys",
                "user",
                "thing",
                "$share",
                "ext",
                "shadow",
                "broadcast",
                "..",
                "\U0001f600",
                "x" * 130,
            ]
        ),
        max_size=9,
    ).map("/".join),
)


def _text(value: str) -> bytes:
    return text(value.encode("utf-8", "surrogatepass"))


_numbers: st.SearchStrategy[Any] = st.sampled_from(
    ["1", 1, -1, 4294967296, True, None, 1.5, "", "9" * 5000, [], {}, "\ud800"]
)
_odd = st.recursive(
    st.one_of(_numbers, st.text(max_size=8)),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)
_reports = st.fixed_dictionaries(
    {},
    optional={
        "id": _numbers,
        "params": st.fixed_dictionaries(
            {},
            optional={
                "version": st.sampled_from(["1.0.0", "1.1.0", "", "\ud800", "v" * 65]) | _odd,
                "step": st.sampled_from(["1", "-1", 100, 101, "1_0", "\u0661"]) | _odd,
                "desc": st.sampled_from(["d" * 200, "\ud800", "\x1b[2J"]) | _odd,
                "module": st.sampled_from(["default", "m", "\ud800", "m" * 999]) | _odd,
            },
        )
        | _odd,
    },
)
_payloads = st.one_of(
    _reports.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=60),
    st.integers(1, 100000).map(lambda n: b"[" * n),
    st.integers(1, 4).map(lambda n: filler(n, n * 60000)),
)


def _publish(topic: str, payload: bytes, flags: int, pid: int) -> bytes:
    body = _text(topic) + (struct.pack(">H", pid) if flags & 6 else b"")
    return packet(0x30 | flags, body + payload)


def _subscribe(kind: int, pid: int, filters: list[tuple[str, int]]) -> bytes:
    pieces = [_text(name) + (bytes([qos]) if kind == 0x82 else b"") for name, qos in filters]
    return packet(kind, struct.pack(">H", pid) + b"".join(pieces))


_pids = st.sampled_from([0, 1, 2, 65535])
_packets = st.one_of(
    st.builds(_publish, _topics, _payloads, st.sampled_from([0, 0, 2, 2, 4, 6, 1, 8, 15]), _pids),
    st.builds(
        _subscribe,
        st.sampled_from([0x82, 0x82, 0xA2]),
        _pids,
        st.lists(st.tuples(_topics, st.sampled_from([0, 1, 2, 3])), max_size=10),
    ),
    st.builds(lambda pid: packet(0x40, struct.pack(">H", pid)), _pids),
    st.sampled_from([b"\xc0\0", b"\xe0\0", b"\xc0\1x", b"\x10\0"]),
    st.builds(packet, st.integers(0, 255), st.binary(max_size=30)),
    st.builds(
        lambda first, n, d: bytes([first]) + length(n, d),
        st.integers(0, 255),
        st.integers(0, (1 << 28) - 1),
        st.integers(0, 6),
    ),
)


# Packets of good form: only what they ask for may be at fault.
_named = st.one_of(
    st.builds(
        lambda t, pk, dn: t.format(pk=pk, dn=dn),
        st.sampled_from(_TEMPLATES),
        st.sampled_from([PK, PK, PK, "b2C"]),
        st.sampled_from([DN, DN, OTHER, DN + "x", "greenhouse_0"]),
    ),
    st.lists(
        st.sampled_from([PK, DN, OTHER, "ota", "sys", "user", ""]), min_size=2, max_size=6
    ).map("/".join),
)
_filters = st.one_of(
    _named,
    st.builds(
        lambda name, at, sign: "/".join(
            sign if i == at % name.count("/") else level for i, level in enumerate(name.split("/"))
        ),
        _named,
        st.integers(0, 9),
        st.just("+"),
    ),
    st.builds(lambda name, n: "/".join([*name.split("/")[:n], "#"]), _named, st.integers(1, 6)),
)
_sound = st.one_of(
    st.builds(_publish, _named, _payloads, st.sampled_from([0, 2]), st.integers(1, 9)),
    st.builds(
        _publish,
        st.sampled_from([t.format(pk=PK, dn=DN) for t in _TEMPLATES]),
        _reports.map(lambda value: json.dumps(value).encode()),
        st.sampled_from([0, 2]),
        st.integers(1, 9),
    ),
    st.builds(
        _subscribe,
        st.just(0x82),
        st.integers(1, 9),
        st.lists(st.tuples(_filters, st.integers(0, 1)), min_size=1, max_size=8),
    ),
)


@st.composite
def _connects(draw: st.DrawFn) -> bytes:
    fields: dict[str, object] = {}
    odd = {
        "dn": _names,
        "pk": _keys,
        "cid": st.sampled_from(["", "c" * 65, "\u00e9", "a|b", "a,b=c"]),
        "method": st.sampled_from(["hmacmd5", "hmacsha1", "hmacsha256"]),
        "extra": st.sampled_from(
            [",_ss=1", ",,=,", ",securemode=2", ",timestamp=1", ",ext=\u0130"]
        ),
        "client_id": st.sampled_from(["x", "||", "a|b|c|d|", "|" * 99]),
        "user_name": st.sampled_from(["", "&", f"{OTHER}&{PK}", f"{DN}&&{PK}", "a" * 5000]),
        "password": st.sampled_from(["", "0" * 64, "\u0660" * 64, "F" * 32]),
        "keepalive": st.sampled_from([0, 29, 30, 1200, 65535]),
        "flags": st.integers(0, 255),
        "level": st.sampled_from([3, 4, 5, 0, 255]),
        "name": st.sampled_from(["MQIsdp", "", "mqtt"]),
        "will": st.just(text("t") + text("x")),
    }
    for key in draw(st.lists(st.sampled_from(sorted(odd)), max_size=2)):
        fields[key] = draw(odd[key])
    return connect_packet(**fields)  # type: ignore[arg-type]


_good = st.just(connect_packet(extra=",_ss=1"))
_inputs = st.one_of(
    st.tuples(_good, st.lists(_sound, min_size=1, max_size=6)).map(
        lambda pair: pair[0] + b"".join(pair[1])
    ),
    st.tuples(_good, st.lists(_sound | _packets, min_size=2, max_size=5)).map(
        lambda pair: pair[0] + b"".join(pair[1])
    ),
    st.tuples(_good, st.lists(_packets, min_size=1, max_size=5)).map(
        lambda pair: pair[0] + b"".join(pair[1])
    ),
    st.tuples(_good, mutated(st.lists(_packets, min_size=1, max_size=4).map(b"".join))).map(
        lambda pair: pair[0] + pair[1]
    ),
    st.tuples(_connects(), st.lists(_packets, max_size=2)).map(
        lambda pair: pair[0] + b"".join(pair[1])
    ),
    mutated(_connects()),
    st.binary(max_size=80),
)


def reads_foreign(topic_filter: str) -> bool:
    """Whether a subscription would receive a topic of another device (MQTT 3.1.1, 4.7)."""
    levels = [re.escape(level) for level in topic_filter.split("/")]
    pattern = "/".join("[^/]*" if level == r"\+" else level for level in levels)
    pattern = pattern.replace(r"/\#", "(/.*)?").replace(r"\#", ".*")
    return any(re.fullmatch(pattern, topic) for topic in _FOREIGN)


def _packets_of(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at < len(data):
        size, shift, head = 0, 0, at + 1
        while head < len(data):
            size |= (data[head] & 127) << shift
            shift += 7
            head += 1
            if data[head - 1] < 128:
                break
        if head + size > len(data):
            break
        found.append((data[at], data[head : head + size]))
        at = head + size
    return found


def _granted(sent: bytes, answer: bytes) -> list[str]:
    """The filters of SUBSCRIBEs that were answered with a QoS, in order."""
    asked = []
    for first, body in _packets_of(sent):
        if first == 0x82:
            names, at = [], 2
            while at + 2 <= len(body):
                size = int.from_bytes(body[at : at + 2], "big")
                names.append(body[at + 2 : at + 2 + size].decode("utf-8", "replace"))
                at += 3 + size
            asked.append(names)
    subacks = [body[2:] for first, body in _packets_of(answer) if first == 0x90]
    pairs = [
        pair
        for names, codes in zip(asked, subacks, strict=False)
        for pair in zip(names, codes, strict=False)
    ]
    return [name for name, code in pairs if code < 0x80]


def _wrong(fire: Fire, data: bytes, answer: bytes | None) -> str | None:
    if answer is None:
        return "no end: the connection stays open"
    if broken := fire.take_broken():
        return broken
    for name in _granted(data, answer):
        if reads_foreign(name):
            return f"may read foreign topics by {name!r}"
    for message in fire.cloud._records.messages:
        parts = message.topic.split("/")
        own = message.device.split("/")
        pairs = list(pairwise(parts))
        if tuple(own) not in pairs or (message.topic in _FOREIGN and own[1] == DN):
            return f"{message.device} used {message.topic!r}"
    return None


def run(seed: int, count: int, progress: Progress) -> Outcome:
    """No crash, no foreign topic, and the neighbour notices nothing."""
    inputs = examples(_inputs, seed, count)
    outcome = Outcome(count)
    with Fire() as fire, fire.neighbour() as beside:
        cloud = fire.cloud
        cloud.add_release(PK, "1.1.0", b"image")
        cloud.add_release(PK, "1.2.0", b"another image")
        for index, data in enumerate(inputs):
            if index % 50 == 0:
                # A task to meddle with, for both of them.
                for name in (DN, OTHER):
                    cloud.push(PK, name, "1.2.0", override=True, force=name == DN)
            answer = fire.exchange(cloud.mqtt_port, data)
            why = _wrong(fire, data, answer)
            cloud._records.messages.clear()
            if why is None and index % 50 == 49:
                beside.ping()  # anything but a PINGRESP would be a message that is not for it
                if cloud.task(PK, OTHER, "1.2.0").state != "QUEUED":
                    why = "the neighbour's task was touched"
                elif cloud.version(PK, OTHER) is not None:
                    why = "a version was reported for the neighbour"
            if why is not None:
                outcome.findings.append(Finding(index, data, why))
            progress(1)
        outcome.figures["records"] = str(len(cloud.notes) + len(cloud.violations))
    return outcome


assert SECRETS[DN] != SECRETS[OTHER]
