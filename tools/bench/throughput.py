"""Throughput: the whole update beside a bare loop of readinto, md5.update and writeblocks."""

from __future__ import annotations

import shutil
import subprocess
import time
from typing import Any

from tools.bench.desk import Desk, Say, median, said, wait_said
from tools.bench.report import Figure, Section, target

PAIRS = 9
_STEADY = 0.15  # the middle half of the ratios lies within this share of their median
_GOAL = {True: 0.71, False: 0.51}


def measure(say: Say, *, pairs: int = PAIRS, small: bool = False) -> Section:
    """Both transports; `pairs` rounds of alink and bare loop each."""
    figures: list[Figure] = []
    with Desk(small) as desk:
        for secure in (False, True):
            say(f"throughput, {'TLS' if secure else 'plain'}: {pairs} pairs")
            rounds = _rounds(desk, secure, pairs)
            figures += _figures(rounds, secure)
            figures += _curl(desk, secure, pairs)
    about = (
        "From the first body byte to the last chunk written, in one process of the board: the "
        "running application (Updater.poll() with its MQTT session open) and a bare blocking "
        "loop of `readinto` + `md5.update` + `writeblocks`, 4096 bytes at a time, take the "
        "same file in turn. Each median is of the pairs' own ratios or times. The update keeps "
        "a checkpoint in NVS every 60 KiB, which is C on a chip and Python on the sim: its time "
        "is measured and left out of the ratio; the ratio with it stands beside. So does the one "
        "without the time in which parts of the package are loaded and let go: that is in the "
        "ratio, is the same for a longer file, and the sim reads the volume in Python. `curl` is "
        "a whole process that writes to a file."
    )
    return Section("throughput", "throughput", figures, about)


def _rounds(desk: Desk, secure: bool, pairs: int) -> list[dict[str, Any]]:
    name = f"throughput_{'tls' if secure else 'plain'}"
    board = desk.board(name, secure=secure, heap_kib=4096)
    board.write_slot(0, desk.image("1.0.0", "throughput", small=True))
    version = "1.1.0" if secure else "1.1.1"
    desk.release(version, desk.image(version))
    board.power_on()
    wait_said(board, "ready")
    for count in range(1, pairs + 1):
        desk.push(name, version, secure=secure)
        wait_said(board, "pair", count)
    rounds = said(board, "pair")
    board.power_cut()
    if not all(one["same"] for one in rounds):
        raise RuntimeError("the bare loop got other bytes than the update")
    return rounds


def _figures(rounds: list[dict[str, Any]], secure: bool) -> list[Figure]:
    kind = "TLS" if secure else "plain"

    def speed(key: str) -> str:
        return f"{median([one['size'] / one[key] for one in rounds]):.2f} MB/s"

    def ms(key: str) -> str:
        return f"{median([one[key] / 1000 for one in rounds]):.1f} ms"

    raw = median([one["bare_us"] / one["alink_us"] for one in rounds])
    ratios = sorted(one["bare_us"] / (one["alink_us"] - one["nvs_us"]) for one in rounds)
    ratio = median(ratios)
    moved = median(
        [one["bare_us"] / (one["alink_us"] - one["nvs_us"] - one["parts_us"]) for one in rounds]
    )
    size = f"{rounds[0]['size']:,} bytes, {len(rounds)} pairs"
    share = Figure(
        f"{kind}, update / bare loop",
        f"{ratio:.2f}",
        f"{ratios[0]:.2f} to {ratios[-1]:.2f}; {raw:.2f} with the NVS of checkpoints, "
        f"{moved:.2f} without loading parts of the package",
    )
    figures = [
        Figure(f"{kind}, update", speed("alink_us"), size),
        Figure(f"{kind}, bare loop", speed("bare_us"), size),
        _judged(share, ratios, _GOAL[secure]),
    ]
    if secure:
        figures.append(Figure("TLS handshake alone (bare loop)", ms("handshake_us")))
    return [
        *figures,
        Figure(f"{kind}, connection opened (TCP, TLS, request, head)", ms("open_us")),
        Figure(f"{kind}, reading the slot back and hashing it", ms("read_back_us")),
        Figure(
            f"{kind}, set_boot() (the bootloader's own check, in Python on the sim)",
            ms("set_boot_us"),
        ),
    ]


def _judged(figure: Figure, ratios: list[float], goal: float) -> Figure:
    # Ratios that scatter tell of what else the machine had to do, not of the update.
    quarter = len(ratios) // 4
    spread = ratios[-1 - quarter] - ratios[quarter]
    middle = median(ratios)
    if spread > _STEADY * middle:
        note = f"{figure.note}; target at least {goal}: NOT JUDGED, the machine was busy"
        return Figure(figure.what, figure.value, note)
    return target(figure, middle >= goal, f"at least {goal}")


def _curl(desk: Desk, secure: bool, pairs: int) -> list[Figure]:
    kind = "TLS" if secure else "plain"
    program = shutil.which("curl")
    if program is None:
        return [Figure(f"{kind}, curl", "not installed")]
    name = f"throughput_{'tls' if secure else 'plain'}"
    version = "1.1.0" if secure else "1.1.1"
    out = desk.folder / "curl.out"
    command = [program, "-sS", "--fail", "--cacert", str(desk.server.ca_file), "-o", str(out)]
    times = []
    for _ in range(pairs):
        began = time.monotonic()
        subprocess.run([*command, desk.link(name, version, secure=secure)], check=True, timeout=60)
        times.append(time.monotonic() - began)
    spent = median(times)
    return [
        Figure(
            f"{kind}, curl, whole process",
            f"{out.stat().st_size / spent / 1e6:.1f} MB/s",
            f"{spent * 1000:.0f} ms from start to end",
        )
    ]
