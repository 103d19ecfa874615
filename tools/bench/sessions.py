"""A rollout to thousands of light sessions through a broker: what it takes, and how that grows."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.bench.broker import Mosquitto, free_port
from tools.bench.desk import PK, Say
from tools.bench.light import LightFleet
from tools.bench.report import Figure, Section, target
from tools.bench.server import Server, Usage, usage
from tools.cloud import open_files
from tools.cloud.identity import Identity
from tools.cloud.mqtt import mosquitto

SIZES = (1000, 3000, 10_000)
_LIMIT_S = 600.0
_SPARE_FILES = 256
_LINEAR = 1.25  # of the CPU of a session: what is measured varies by so much
_ABOUT = (
    "Sessions are asyncio connections of one process that speak MQTT as a board does: sign in, "
    "subscribe, report 1.0.0, take the push, report steps 1, 50 and 100 and then 1.1.0 (QoS 0, "
    "as alink); nothing is downloaded. Through mosquitto with the files that `cloud mosquitto` "
    "writes, to `serve --broker` with its bounded records, a process of its own. `Signing in` "
    "ends when the stand-in knows every version, `rollout` is one batch without a rate, from the "
    "command to the last SUCCEEDED. Sessions, broker and stand-in share this machine's cores. "
    "Linear is CPU of the stand-in a session, the largest fleet's over the smallest's."
)


@dataclass(frozen=True)
class Taken:
    """What one fleet took: seconds, and the stand-in's and the broker's CPU and memory."""

    size: int
    sign_in_s: float
    rollout_s: float
    sign_in_cpu_s: float
    rollout_cpu_s: float
    stand_in: Usage
    broker: Usage
    broker_start_cpu_s: float


def measure(say: Say, *, sizes: tuple[int, ...] = SIZES) -> Section:
    """One fleet after the other, each with a fresh stand-in and a fresh broker."""
    figures: list[Figure] = []
    found: list[Taken] = []
    for size in sizes:
        say(f"sessions: {size}")
        wanted = size + _SPARE_FILES
        if open_files.allow(wanted) < wanted:
            why = f"{wanted} open files are needed. {open_files.advice(wanted)}"
            figures.append(Figure(f"{size:,} sessions", "not measured", why))
            continue
        taken = run(size)
        found.append(taken)
        figures += _figures(taken)
    if len(found) > 1:
        figures.append(_growth(found[0], found[-1]))
    return Section("sessions", "light sessions", figures, _ABOUT)


def run(size: int) -> Taken:
    """One fleet, from nothing to its last SUCCEEDED. Raises RuntimeError."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    port = free_port()
    try:
        # The service's password is made with the files; devices come with the second writing.
        mosquitto.write(folder / "broker", {}, port)
        with Server(folder / "cloud", _broker(folder, port)) as server:
            names = [f"light_{number:05d}" for number in range(size)]
            secrets = dict(zip(names, server.call("add_devices", PK, names), strict=True))
            known = {Identity(PK, name): secret for name, secret in secrets.items()}
            settings = mosquitto.write(folder / "broker", known, port).read_text()
            # (It names its listener itself: on this machine only.)
            lines = [one for one in settings.splitlines() if not one.startswith("listener")]
            with Mosquitto(folder / "broker", "\n".join(lines) + "\n", port, "error") as broker:
                return asyncio.run(_fleet(server, broker, known))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _broker(folder: Path, port: int) -> dict[str, object]:
    password = (folder / "broker" / "service.password").read_text().strip()
    return {
        "host": "127.0.0.1",
        "port": port,
        "user": mosquitto.SERVICE_USER,
        "password": password,
    }


async def _fleet(server: Server, broker: Mosquitto, known: dict[Identity, str]) -> Taken:
    size = len(known)
    started = usage(broker.pid).cpu_s
    await _until(lambda: bool(server.call("broker_is_there")), "the stand-in at the broker")
    fleet = LightFleet(broker.port, known, "1.0.0")
    try:
        before, began = server.usage, time.monotonic()
        await fleet.sign_in()
        await _until(
            lambda: server.call("reported", "1.0.0") == size,
            "every report",
            lambda: f"{server.call('reported', '1.0.0')} of {size}",
        )
        signed_in, signed_in_at = server.usage, time.monotonic()
        number = await asyncio.to_thread(server.call, "rollout", PK, "1.1.0")
        # (Counting costs the stand-in the more, the more there are: not before it is the end.)
        await _until(lambda: fleet.pushed == size, "every push", lambda: f"{fleet.pushed}")
        await _until(
            lambda: server.call("states", number).get("SUCCEEDED") == size,
            "the rollout",
            lambda: f"{server.call('states', number)}, {fleet.pushed} pushed, {fleet.lost} lost",
        )
        after, ended = server.usage, time.monotonic()
        return Taken(
            size,
            signed_in_at - began,
            ended - signed_in_at,
            signed_in.cpu_s - before.cpu_s,
            after.cpu_s - signed_in.cpu_s,
            after,
            usage(broker.pid),
            started,
        )
    finally:
        fleet.close()


async def _until(
    there: Callable[[], bool], what: str, how_far: Callable[[], str] = lambda: "not there"
) -> None:
    # The server is asked in a thread: the sessions go on meanwhile.
    deadline = time.monotonic() + _LIMIT_S
    while not await asyncio.to_thread(there):
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited too long for {what}: {await asyncio.to_thread(how_far)}")
        await asyncio.sleep(0.2)


def _figures(taken: Taken) -> list[Figure]:
    size = f"{taken.size:,} sessions"
    return [
        Figure(
            f"{size}, signing in",
            f"{taken.sign_in_s:.1f} s",
            f"{taken.size / taken.sign_in_s:,.0f} a second; stand-in {taken.sign_in_cpu_s:.1f} s "
            "of CPU",
        ),
        Figure(
            f"{size}, rollout to the last SUCCEEDED",
            f"{taken.rollout_s:.1f} s",
            f"{taken.size / taken.rollout_s:,.0f} a second",
        ),
        Figure(
            f"{size}, stand-in in the rollout",
            f"{taken.rollout_cpu_s:.1f} s of CPU, {taken.stand_in.peak_mib:.0f} MiB at most",
            f"{taken.rollout_cpu_s / taken.size * 1000:.2f} ms of CPU a session",
        ),
        Figure(
            f"{size}, mosquitto in all",
            f"{taken.broker.cpu_s:.1f} s of CPU, {taken.broker.peak_mib:.0f} MiB at most",
            f"{taken.broker_start_cpu_s:.1f} s of it to read its access list",
        ),
    ]


def _growth(small: Taken, large: Taken) -> Figure:
    def each(taken: Taken) -> float:
        return (taken.sign_in_cpu_s + taken.rollout_cpu_s) / taken.size

    ratio = each(large) / each(small)
    figure = Figure(
        f"CPU of the stand-in a session, {large.size:,} over {small.size:,}", f"{ratio:.2f}"
    )
    return target(figure, ratio <= _LINEAR, f"at most {_LINEAR} (linear: 1)")
