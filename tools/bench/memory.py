"""Heap: what an update allocates, and the smallest heap in which whole updaters do their work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tools.bench.compiled import compiled_sim
from tools.bench.desk import APPS, PK, Desk, Say, wait_said
from tools.bench.report import Figure, Section, target
from tools.sim import Board
from tools.sim.errors import BoardTimeout

_LIMIT = 16 * 1024
_HEAP_LIMIT = 100


def allocated(
    say: Say, *, small: bool = False, transports: tuple[bool, ...] = (False, True)
) -> Section:
    """Bytes that one update allocates."""
    figures: list[Figure] = []
    with Desk(small) as desk:
        for secure in transports:
            say(f"allocation, {'TLS' if secure else 'plain'}")
            figures += _allocated(desk, secure)
    about = (
        "Differences of gc.mem_alloc(), from the idle main loop to machine.reset(), with what "
        "each gc.collect() of the package has found, and the tables that parts.drop() gives "
        "back, added: the collector's own turns are off. What the interpreter frees by itself "
        "at once (frames of calls, the smaller one of a table that grows) is not in it. What "
        "the sim allocates where a chip runs C (NVS, partitions, set_boot()) is measured "
        "inside those calls and left out; TLS has its own memory on the host as on the chip. "
        "The whole update: the push taken and judged, the "
        "connection, the download with its progress reports and checkpoints, reading back, the "
        "journal, and step 100. `Code` is what importing takes: the parts of the package that are "
        "loaded for one phase and let go, on 64 bit; the rest is objects, texts and buffers."
    )
    return Section("allocated", "allocated", figures, about)


def counted(
    desk: Desk, name: str, version: str, *, secure: bool, settings: dict[str, int], scheme: str
) -> dict[str, Any]:
    """What apps/allocated.py has to tell of one update; `settings` are put into NVS for it."""
    board = desk.board(name, secure=secure, heap_kib=4096 if desk.small else 16384)
    for key, value in settings.items():
        board.nvs_set("alink", key, value)
    board.write_slot(0, desk.image("1.0.0", "allocated", small=True))
    desk.release(version, desk.image(version))
    board.power_on()
    wait_said(board, "ready")
    desk.push(name, version, secure=secure, scheme=scheme)
    desk.server.call("wait_task", PK, name, version, "SUCCEEDED", 60)
    found: dict[str, Any] = wait_said(board, "allocated")
    board.power_cut()
    return found


def _allocated(desk: Desk, secure: bool) -> list[Figure]:
    kind = "TLS" if secure else "plain"
    version = "1.1.0" if secure else "1.1.1"
    scheme = "https" if secure else "http"
    name = f"allocated_{kind.lower()}"
    found = counted(desk, name, version, secure=secure, settings={}, scheme=scheme)
    ready, downloading, verifying, restarting, end = found["marks"]
    opening = found["opening"]
    total = end[0] - ready[0]
    code = end[1] - ready[1]
    mib = found["size"] / (1 << 20)

    def part(first: list[int], last: list[int], *but: int) -> str:
        # "bytes beside code + bytes of code"
        loaded = last[1] - first[1] - (opening[1] if but else 0)
        return f"{last[0] - first[0] - sum(but) - loaded:,} + {loaded:,}"

    parts = (
        "objects + code: "
        f"push and job {part(ready, downloading)}, "
        f"connection {opening[0] - opening[1]:,} + {opening[1]:,}, download beside its chunks "
        f"{part(downloading, verifying, opening[0], found['chunks'])}, reading back "
        f"and journal {part(verifying, restarting)}, step 100 {part(restarting, end)}"
    )
    whole = Figure(f"{kind}, per update in all", f"{total:,} bytes", parts)
    during = verifying[0] - downloading[0] - opening[0]
    during -= verifying[1] - downloading[1] - opening[1]
    return [
        in_the_path(kind, found),
        target(whole, total <= _LIMIT, "at most 16,384 bytes"),
        Figure(f"{kind}, of these code, loaded and let go", f"{code:,} bytes"),
        Figure(
            f"{kind}, of these by letting go (parts.drop)",
            f"{found['dropping']:,} bytes",
            "the list of what is loaded, and names compared with it",
        ),
        Figure(
            f"{kind}, objects, texts and buffers of the update itself",
            f"{total - code - found['dropping']:,} bytes",
        ),
        Figure(
            f"{kind}, per MiB downloaded (reports and checkpoints)", f"{during / mib:,.0f} bytes"
        ),
        Figure(f"{kind}, 500 idle poll()s", f"{found['idle']} bytes"),
    ]


def in_the_path(kind: str, found: dict[str, Any]) -> Figure:
    """What moving the pieces has allocated: none, unless some did."""
    note = f"{found['count']} chunks"
    if found["dirty"]:
        note += f", {found['dirty']} of them allocated"
    figure = Figure(f"{kind}, in the chunk path", f"{found['chunks']:,} bytes", note)
    return target(figure, found["chunks"] == 0, "0")


def smallest(say: Say, *, small: bool = False, quick: bool = False) -> Section:
    """The smallest heap of the whole application, a bare loop, and requests.get().content."""
    figures = []
    with compiled_sim(), Desk(small) as desk:
        say("smallest heap: what the sim takes")
        alive = _alive(desk)
        figures.append(
            Figure(
                "the sim's own modules and the interpreter, alive before any application",
                f"{alive / 1024:.1f} KiB",
                "on a chip these are C or frozen; the lines marked * have it taken off",
            )
        )
        for secure in (False, True):
            kind = "TLS" if secure else "plain"
            for title, app, step in _RIVALS:
                if quick and app != "reference":
                    continue
                say(f"smallest heap, {kind}: {title}")
                found = _search(_tries(desk, app, secure), step, quick)
                own = found - alive / 1024
                figure = Figure(
                    f"{kind}, {title}*", f"{own:.0f} KiB", f"-X heapsize={found}k in all"
                )
                if app == "reference":
                    figure = target(figure, own <= _HEAP_LIMIT, f"at most {_HEAP_LIMIT} KiB")
                figures.append(figure)
    about = (
        "A board with ever smaller heaps (the interpreter's -X heapsize, its bookkeeping "
        "included) until the update no longer completes at the first attempt; the size told "
        "did twice. The whole application is micropython/main.py with loader, MQTT session, "
        "trial and confirmation; the other two only download, hash, write and set_boot(). The "
        "board runs the sim's Python modules, as .mpy here; they are loaded so that they lie "
        "close together, as what a chip has in C leaves no holes. What they hold alive is taken "
        "off, what they need for moments (NVS, the check of the image) is not, so the lines "
        "are upper bounds."
    )
    return Section("heap", "smallest heap", figures, about)


_RIVALS = (
    ("the whole application", "reference", 1),
    ("a bare loop", "bare", 1),
    ("requests.get(...).content", "whole", 64),
)


def _alive(desk: Desk) -> int:
    board = desk.board("baseline")
    board.remove_file("/boot.py")
    board.install_file("/main.py", (APPS / "baseline.py").read_bytes())
    board.write_slot(0, desk.image("1.0.0", small=True))
    board.power_on()
    alive = int(wait_said(board, "alive"))
    board.power_cut()
    return alive


def _tries(desk: Desk, app: str, secure: bool) -> Callable[[int], bool]:
    # -> a function that says whether a heap of so many KiB is enough
    name = f"heap_{app}_{'tls' if secure else 'plain'}"
    board = desk.board(name, secure=secure)
    running = desk.image("1.0.0", app, small=True)
    # The heap does not depend on the size of the file, but for who reads all of it at once.
    version = f"2.0.{len(desk._boards)}"
    desk.release(version, desk.image(version, small=None if app == "whole" else True))
    if app != "reference":
        board.nvs_set("alink", "url", desk.link(name, version, secure=secure))

    tries = 0

    def enough(kib: int) -> bool:
        nonlocal tries
        tries += 1
        device = f"{name}_{tries}"
        board.power_cut()
        board.erase_partition("otadata")
        board.nvs_erase("alink_ota")
        board.write_slot(0, running)
        board.heap_kib = kib
        before = len(board.console)
        if app != "reference":
            board.power_on()
            return _ends(board, before, lambda text: "bench done" in text)
        desk.provision(board, device, secure=secure)
        board.power_on()
        if not _ends(board, before, lambda _: desk.server.call("version", PK, device) == "1.0.0"):
            return False
        desk.push(device, version, secure=secure)
        done = _ends(board, before, lambda text: f"version {version} is confirmed" in text)
        board.power_cut()
        return done

    return enough


_TROUBLE = (
    "MemoryError",
    "memory",
    "download stopped",
    "Guru",
    "Traceback",
    "not connected",
    "fell",
)


def _ends(board: Board, before: int, good: Callable[[str], bool]) -> bool:
    def text() -> str:
        return "\n".join(line for _, line in board.console[before:])

    def over() -> bool:
        said_so_far = text()
        return good(said_so_far) or any(word in said_so_far for word in _TROUBLE)

    try:
        board.wait_for(over, 20, "an end")
    except BoardTimeout:
        return False
    return good(text()) and not any(word in text() for word in _TROUBLE)


def _search(enough: Callable[[int], bool], step: int, quick: bool) -> int:
    # Doubling, then halving; `step` KiB is the resolution.
    high = 64 * max(step // 8, 1)
    while not enough(high):
        high *= 2
        if high > 1 << 17:
            raise RuntimeError("no heap is enough: look at the board's console")
    low = high // 2
    step = max(step, 16 if quick else 1)
    while high - low > step:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    while not (enough(high) and enough(high)):
        high += step  # it was near: not every run needs the same
    return high
