"""Requests of a hostile client to the stand-in's downloads: edited links, paths, heads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from hypothesis import strategies as st

from host_tests.kit.raw_mqtt import DN, PK
from host_tests.long.fuzz.inputs import examples, mutated
from host_tests.long.fuzz.on_cloud import OTHER, SECRETS, Fire
from host_tests.long.fuzz.target import Finding, Outcome, Progress

_IMAGES = {"1.1.0": b"first image " * 500, "1.2.0": b"second image " * 500}
# What stands in the files beside the images and must never leave.
_INSIDE = (b"SQLite format", b"BEGIN CERTIFICATE", b"PRIVATE KEY", b'"token"')
_REFUSALS = {400, 403, 404, 405, 414, 416, 431, 501}


@dataclass(frozen=True)
class Plan:
    """One request, drawn before the links are known: which link, what is done to it, the rest."""

    link: int
    edits: tuple[tuple[str, int, bytes], ...]
    method: str
    version: str
    headers: tuple[str, ...]
    end: str
    body: bytes
    bent: bool


_EDITS = (
    "none",
    "dn",
    "pk",
    "release",
    "expires",
    "swap mac",
    "swap query",
    "no mac",
    "insert",
    "replace",
    "append",
    "path",
    "encode",
    "double",
    "absolute",
    "lower",
    "fragment",
)
_PATHS = (
    "/",
    "*",
    "",
    "/ota/",
    "/ota/1",
    "/../cloud.sqlite",
    "/ota/../../cloud.sqlite",
    "//etc/passwd",
    "/ota/1/..%2f..%2fcloud.sqlite",
    "/%2e%2e/control.json",
    "/files/",
    "/control.json",
    "/\\..\\..",
    "/ota/1/%00",
    "http://127.0.0.1/cloud.sqlite",
    "/ota/99999999999999999999/x?auth_key=" + "0" * 64,
    "/" + "a" * 70000,
    "/ota/1/x?" + "0" * 64,
    "/?" + "f" * 63,
    "/\u00e9",
    "/ota/-1/" + "a" * 64,
)
_plans = st.builds(
    Plan,
    st.integers(0, 3),
    st.lists(
        st.tuples(st.sampled_from(_EDITS), st.integers(0, 900), st.binary(min_size=1, max_size=3)),
        max_size=1,
    ).map(tuple),
    st.sampled_from(["GET"] * 9 + ["HEAD", "POST", "PUT", "DELETE", "get", "", "G" * 99]),
    st.sampled_from(["HTTP/1.1"] * 9 + ["HTTP/1.0", "HTTP/2.0", "", "HTTP/1.1 x"]),
    st.lists(
        st.sampled_from(
            [
                "Host: x",
                "Range: bytes=0-",
                "Range: bytes=5-9",
                "Range: bytes=-0",
                "Range: bytes=9-5",
                "Range: bytes=" + "9" * 18 + "-",
                "Range: bytes=0-0,2-3",
                "Range: lines=1-",
                "Range: ",
                "Content-Length: 5",
                "Content-Length: -1",
                "Transfer-Encoding: chunked",
                "Bad Name: x",
                "Expect: 100-continue",
                "Upgrade: websocket",
                "Connection: keep-alive",
                "X: \x00\x1b",
                "X: " + "y" * 40000,
                ": none",
                " folded",
            ]
        ),
        max_size=3,
    ).map(tuple),
    st.sampled_from(["\r\n"] * 8 + ["\n", "\r"]),
    st.binary(max_size=20),
    st.booleans(),
)
_raw = mutated(st.just(b"GET /ota/1/x HTTP/1.1\r\nHost: x\r\n\r\n")) | st.binary(max_size=100)


def edited(target: str, other: str, edit: str, at: int, data: bytes) -> str:
    """A link's request target after one edit."""
    letters = data.decode("latin-1")
    at %= max(1, len(target))
    changes = {
        "dn": lambda: target.replace(f"dn={DN}", f"dn={OTHER}"),
        "pk": lambda: target.replace(f"pk={PK}", "pk=b2C"),
        "release": lambda: re.sub(r"^/ota/\d+", "/ota/2", target),
        "expires": lambda: re.sub(r"Expires=\d+", "Expires=9999999999", target),
        "swap mac": lambda: target[:-64] + other[-64:],
        "swap query": lambda: target.partition("?")[0] + "?" + other.partition("?")[2],
        "no mac": lambda: target[:-64],
        "insert": lambda: target[:at] + letters + target[at:],
        "replace": lambda: target[:at] + letters + target[at + len(letters) :],
        "append": lambda: target + letters,
        "path": lambda: _PATHS[at % len(_PATHS)],
        "encode": lambda: (
            target[:at] + f"%{ord(target[at]):02x}" + target[at + 1 :] if target else ""
        ),
        "double": lambda: target + "&" + target.partition("?")[2],
        "absolute": lambda: "http://127.0.0.1" + target,
        "lower": lambda: target.lower(),
        "fragment": lambda: target + "#x",
    }
    return changes[edit]() if edit in changes else target


def request(plan: Plan, links: list[str]) -> tuple[bytes, str]:
    """-> (the bytes to send, the target in them)."""
    target = links[plan.link]
    other = links[(plan.link + 1) % len(links)]
    for edit, at, data in plan.edits:
        target = edited(target, other, edit, at, data)
    words = " ".join(word for word in (plan.method, target, plan.version) if word)
    # HTTP/1.1 wants a Host; without one nobody would look at the link.
    host = ["Host: x"] if len(plan.headers) < 3 else []
    head = plan.end.join([words, *host, *plan.headers, "", ""])
    return head.encode(
        "utf-8" if any(ord(c) > 255 for c in head) else "latin-1"
    ) + plan.body, target


def wrong(answer: bytes | None, target: str, links: dict[str, bytes]) -> str | None:
    """What is wrong with an answer; links: request target -> the file that it is for."""
    if answer is None:
        return "no end: the connection stays open"
    if not answer:
        return None
    head, _, body = answer.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.1 (\d{3})", head)
    if status is None:
        return f"answered {answer[:60]!r}"
    code = int(status[1])
    if code == 100:
        return wrong(body, target, links)
    if any(mark in answer for mark in _INSIDE) or any(
        secret.encode() in answer for secret in SECRETS.values()
    ):
        return "told something from inside"
    if code in (200, 206):
        if target not in links:
            return f"{code} for an edited link"
        if body and body not in links[target]:
            return "another file"
        return None
    return None if code in _REFUSALS else f"answered {code}"


def run(seed: int, count: int, progress: Progress) -> Outcome:
    """No crash, and a file only for the very link that was signed, both servers alike."""
    plans = examples(_plans, seed, count - count // 10)
    raw = examples(_raw, seed, count // 10)
    outcome = Outcome(count)
    with Fire() as fire:
        cloud = fire.cloud
        for version, image in _IMAGES.items():
            cloud.add_release(PK, version, image)
        links = {}
        for name in (DN, OTHER):
            for version, image in _IMAGES.items():
                parts = urlsplit(cloud.link(PK, name, version, scheme="http"))
                links[f"{parts.path}?{parts.query}"] = image
        targets = list(links)
        served = 0
        for index in range(count):
            if index < len(plans):
                plan = plans[index]
                data, target = request(plan, targets)
                # Another spelling of the header names makes the other server answer.
                cloud.faults.header_case = "upper" if plan.bent else "title"
            else:
                data, target = raw[index - len(plans)], ""
            answer = fire.exchange(cloud.http_port, data)
            why = wrong(answer, target, links) or fire.take_broken()
            served += bool(answer and re.match(rb"HTTP/1\.1 20[06]", answer))
            if why is not None:
                outcome.findings.append(Finding(index, data, why))
            progress(1)
        outcome.figures["served"] = str(served)
        if not served:
            outcome.findings.append(Finding(0, b"", "not one good link was served"))
    return outcome
