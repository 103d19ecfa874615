"""One whole update with a misbehaving network in front of gateway and downloads."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from host_tests.kit.fault_proxy import FaultProxy, Plan
from host_tests.kit.poll_times import WATCHED, longest_ms
from host_tests.kit.rig import DN, PK, Rig, app

SIZE = 200_000  # bytes of firmware
DOWNLOAD_FAULTS = 5  # bad connections in a row; the application gives up after 8 tries
GATEWAY_FAULTS = 2
# Time-outs of the application below; one poll() may meet each of them once.
CONNECT_MS, ACK_MS, HEAD_MS, STALL_MS = 1500, 1000, 1000, 1000
BOUND_MS = 2 * CONNECT_MS + ACK_MS + HEAD_MS + 1500  # the rest is for a busy machine

PARTS = dict(  # noqa: C408 (as the arguments that they are)
    prologue=f"WAITS.update(connect_timeout_ms={CONNECT_MS}, head_timeout_ms={HEAD_MS},"
    f" stall_timeout_ms={STALL_MS})",
    device=f"connect_timeout_ms={CONNECT_MS}, ack_timeout_ms={ACK_MS}, ping_ms=500",
    setup=WATCHED,
)


@dataclass(frozen=True)
class Played:
    """What came of it. wrong: every promise that was broken, in words."""

    state: str
    wrong: list[str]
    gateway: list[Plan]
    downloads: list[Plan]
    longest_ms: float


def play(folder: Path, seed: int, secure: bool = True, way: str | None = None) -> Played:
    """An update from 1.0.0 to 1.1.0 under the faults of `seed`; way: see Updater."""
    source = app(options=f"way={way!r}", **PARTS)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        rig = stack.enter_context(Rig(folder, secure=secure))
        cloud = rig.cloud
        gateway = stack.enter_context(
            FaultProxy(
                cloud.mqtts_port if secure else cloud.mqtt_port,
                f"gateway {seed}",
                GATEWAY_FAULTS,
                6000 if secure else 1500,
            )
        )
        files = stack.enter_context(
            FaultProxy(cloud.https_port, f"files {seed}", DOWNLOAD_FAULTS, SIZE)
        )
        rig.board.nvs_set("alink", "port", gateway.port)
        rig.board.write_slot(0, rig.image("1.0.0", source))
        rig.board.power_on()
        rig.reports("1.0.0", 90)
        image = rig.release("1.1.0", rig.image("1.1.0", source, SIZE))
        link = cloud.link(PK, DN, "1.1.0").replace(f":{cloud.https_port}/", f":{files.port}/")
        rig.push("1.1.0", url=link)
        rig.wait(lambda: not cloud.task(PK, DN, "1.1.0").unfinished, "the task to end", 120)
        state = cloud.task(PK, DN, "1.1.0").state
        wrong = []
        text = rig.board.console_text()
        if state != "SUCCEEDED":
            wrong.append(f"the task ended {state}: {cloud.task(PK, DN, '1.1.0').desc}")
        if (rig.boots_slot() == 1 or state == "SUCCEEDED") and not rig.holds(1, image):
            wrong.append("the slot that boots does not hold the promised image")
        if rig.board.violation or rig.board.bricked:
            wrong.append(rig.board.violation or "bricked")
        wrong += re.findall(r"poll\(\) raised .*|Traceback.*", text)
        longest = longest_ms(rig)
        if longest > BOUND_MS:
            wrong.append(f"a poll() of {longest:.0f} ms")
        if wrong:
            wrong.append(text[-3000:])
        return Played(state, wrong, gateway.plans, files.plans, longest)
