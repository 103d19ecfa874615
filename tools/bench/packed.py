"""Small updates: what each kind of package costs in bytes, flash and RAM, by what changed."""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.bench import states
from tools.bench.bars import draw
from tools.bench.compiled import compiled_sim
from tools.bench.desk import APPS, PK, ROOT, Desk, Say, firmware, wait_said
from tools.bench.report import Figure, Picture, Section, target
from tools.chip.firmware import extract_app
from tools.chip.header import parse_image
from tools.chip.image import CHECKSUM_SEED, HASH_SIZE
from tools.chip.nor import SECTOR
from tools.cli import Refused
from tools.dev import stock
from tools.images import build_image
from tools.release.pack import blocks, compress, difference
from tools.release.package_format import WINDOWS

# A firmware of each release that a pair is wanted of: files as micropython.org has them.
FOLDER = stock.CACHE.parent / "firmware"
KINDS = ("full", "compressed", "difference")
ERASE_MS, PROGRAM_MS, READ_MS = 45, 10, 1  # a flash block on an ESP32
_TEXT = re.compile(rb"v(\d+)\.(\d+)(?:\.(\d+))?[0-9A-Za-z.-]* on \d{4}-\d\d-\d\d")
_SHARES = {("v1.26.1", "v1.27.0"): 17, ("v1.25.0", "v1.26.1"): 47}  # percent at most
_ALIVE = 30 * states.KIB
_FILLERS = (32, 1000, 3000)  # bytes
_CODE, _SHIFT = 20_480, 304  # of a firmware that is made of another one


@dataclass(frozen=True)
class Change:
    """One update, to `image`: `source` runs, and `older` lies in the slot that is written to.

    `share` is the target of the difference in percent of the image; for one line there are more.
    """

    what: str
    version: str
    image: bytes
    source: bytes
    older: bytes
    share: int | None = None
    is_line: bool = False

    @functools.cached_property
    def packages(self) -> dict[str, bytes]:
        """What travels, by kind."""
        made = (self.image, compress(self.image), difference(self.image, self.source))
        return dict(zip(KINDS, made, strict=True))


@dataclass(frozen=True)
class Cost:
    """Of one update: bytes that the server sent, flash blocks written, seconds of flash."""

    sent: int
    written: int
    seconds: float


def measure(say: Say, *, small: bool = False) -> Section:
    """Every change by each kind of package."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        changes = list(_changes(Path(name), small))
    costs: dict[tuple[str, str], Cost] = {}
    for kind in KINDS:
        with Desk(small) as desk:
            for change in changes:
                say(f"small updates: {change.what}, {kind}")
                costs[change.what, kind] = _update(desk, change, kind)
    figures = [
        _figure(change, kind, costs[change.what, kind]) for change in changes for kind in KINDS
    ]
    figures += _heap(say)
    groups = [
        (change.what, [(kind, costs[change.what, kind].sent) for kind in KINDS])
        for change in changes
    ]
    about = (
        "Whole updates over TLS on a board of the sim. One line, one module and a part of a file "
        "of 24 KB change in an application that has a few of each; MicroPython changes from one "
        "release to the next below it, where files of ESP32_GENERIC are in .cache/firmware (as "
        "micropython.org has them; without any, one is made whose data moved). In the slot that "
        "is written to lies the release before the one that runs. `Full` is the image as it is, "
        "`compressed` and `difference` are what image.py pack makes of it by itself. "
        "Bytes are what the server sent; blocks are the sectors of the slot that were erased. "
        f"The seconds are a model, of flash alone: {ERASE_MS} ms for an erase, {PROGRAM_MS} ms "
        f"for a write and {READ_MS} ms for a read of 4096 bytes; all that the board reads from "
        "the push to the restart is counted, and the bootloader's check of the image on top. "
        "Alive at most: as in the section `chip`, of updates of an image with 64 KiB of firmware, "
        "the least of three boards."
    )
    picture = Picture(
        "packed.svg",
        "Bytes of a download: full, compressed, and as a difference",
        draw("Bytes of a download, by what changed", groups),
    )
    return Section("packed", "small updates", figures, about, picture)


# --- what changes ---


def _changes(folder: Path, small: bool) -> Iterator[Change]:
    part = firmware(small)
    yield _of_application(folder, part, "one line", "1.0.1", _other_line, is_line=True)
    if small:
        return
    yield _of_application(folder, part, "one module", "1.0.2", _other_module)
    yield _of_application(folder, part, "a data file", "1.0.3", _other_file)
    firmwares = _firmwares()
    if len(firmwares) < 2:
        firmwares = {"stock": part, "a made one": _moved(part)}
    names = list(firmwares)
    for number, (old, new) in enumerate(itertools.pairwise(names), 4):
        app = _application(folder / "app")
        yield Change(
            f"MicroPython {old} to {new}",
            f"1.0.{number}",
            build_image(firmwares[new], app, f"1.0.{number}"),
            build_image(firmwares[old], app, "1.0.0"),
            build_image(firmwares[old], app, "0.9.0"),
            _SHARES.get((old, new)),
        )


def _application(folder: Path) -> Path:
    """An application of several parts, made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(APPS / "packed.py", folder / "main.py")
    for name in ("sensor", "consent"):
        shutil.copy(ROOT / "micropython" / "examples" / f"{name}.py", folder)
    rows = "".join(f"<tr><td>{n}</td><td>{n * n * 37 % 1009} mV</td></tr>\n" for n in range(700))
    (folder / "page.html").write_text(f"<table>\n{rows}</table>\n")
    return folder


def _of_application(
    folder: Path,
    part: bytes,
    what: str,
    version: str,
    edit: Callable[[Path], None],
    *,
    is_line: bool = False,
) -> Change:
    app = _application(folder / "app")
    older, source = (build_image(part, app, one) for one in ("0.9.0", "1.0.0"))
    edit(app)
    image = build_image(part, app, version)
    return Change(what, version, image, source, older, is_line=is_line)


def _other_line(app: Path) -> None:
    text = (app / "main.py").read_text()
    assert "may change" in text
    (app / "main.py").write_text(text.replace("may change", "has changed"))


def _other_module(app: Path) -> None:
    shutil.copy(ROOT / "micropython" / "examples" / "on_asyncio.py", app / "sensor.py")


def _other_file(app: Path) -> None:
    text = (app / "page.html").read_text()
    rows = "".join(f"<tr><td>new</td><td>{n} mV</td></tr>\n" for n in range(40))
    (app / "page.html").write_text(text[: len(text) // 2] + rows + text[len(text) // 2 :])


def _firmwares() -> dict[str, bytes]:
    """Version -> app image, the oldest first: the stock one, and those that somebody put there."""
    found: dict[tuple[int, ...], bytes] = {}
    files = [path.read_bytes() for path in sorted(FOLDER.glob("*.bin"))]
    merged = stock.merged_image()
    for data in files + ([merged.data] if merged.real else []):
        try:
            app = extract_app(data)
        except Refused:
            continue  # for another chip
        text = _TEXT.search(app)
        if text is not None:
            found[tuple(int(one or 0) for one in text.groups())] = app
    return {"v" + ".".join(map(str, one)): found[one] for one in sorted(found)}


def _moved(app: bytes) -> bytes:
    """A firmware with new code in the middle of its data, and what is behind it moved."""
    first = parse_image(app).segments[0]
    middle = first.offset + first.size // 2
    new = hashlib.shake_256(b"new code").digest(_CODE + _SHIFT)
    end = first.offset + first.size
    moved = app[:middle] + new + app[middle + _CODE : end - _SHIFT] + app[end:-HASH_SIZE]
    checksum = CHECKSUM_SEED
    for segment in parse_image(app).segments:
        data = moved[segment.offset : segment.offset + segment.size]
        checksum = functools.reduce(int.__xor__, data, checksum)
    moved = moved[:-1] + bytes([checksum])
    return moved + hashlib.sha256(moved).digest()


# --- what it costs ---


def _update(desk: Desk, change: Change, kind: str) -> Cost:
    """One update on a board of its own. Raises RuntimeError when the slot is not the image."""
    name = f"packed_{change.version.replace('.', '_')}"
    board = desk.board(name)
    board.write_slot(0, change.source)
    board.write_slot(1, change.older)
    version, package = change.version, change.packages[kind]
    desk.release(version, change.image if kind == "difference" else package)
    if kind == "difference":
        path = desk.folder / f"{name}.alp"
        path.write_bytes(package)
        desk.server.call("add_difference", PK, version, str(path), "1.0.0")
    sent = _sent(desk)
    erased = board.flash_ops["ota_1"].erases
    board.power_on()
    desk.reports(name, "1.0.0", board)
    desk.push(name, version)
    desk.server.call("wait_task", PK, name, version, "SUCCEEDED", 120)
    read = wait_said(board, "read")
    board.power_cut()
    if board.slot_bytes(1)[: len(change.image)] != change.image:
        raise RuntimeError(f"{change.what}, {kind}: the slot holds something else")
    written = board.flash_ops["ota_1"].erases - erased
    ms = written * (ERASE_MS + PROGRAM_MS) + (read / SECTOR + blocks(change.image)) * READ_MS
    return Cost(_sent(desk) - sent, written, ms / 1000)


def _sent(desk: Desk) -> int:
    return sum(int(one["sent"]) for one in desk.server.call("downloads"))


def _figure(change: Change, kind: str, cost: Cost) -> Figure:
    share = 100 * cost.sent / len(change.image)
    figure = Figure(
        f"{change.what}, {kind}",
        f"{cost.sent:,} bytes",
        f"{share:.1f} % of the image; {cost.written} of {blocks(change.image)} blocks written; "
        f"{cost.seconds:.1f} s of flash",
    )
    if kind != "difference":
        return figure
    if change.share is not None:
        return target(figure, share <= change.share, f"at most {change.share} %")
    if change.is_line:
        met = cost.sent <= 1024 and cost.written <= 4 and cost.seconds <= 5
        return target(figure, met, "at most 1,024 bytes, 4 blocks, 5 s")
    return figure


def _heap(say: Say) -> list[Figure]:
    """What is alive at the worst moment of an update, by kind."""
    say("small updates: alive at most")
    figures: list[Figure] = []
    with compiled_sim():
        full = _alive("full", 0)
        for kind in KINDS:
            least, most = WINDOWS[0], WINDOWS[-1]
            packed = ((least, "https"), (least, "mqtt"), (most, "https"))
            for window, scheme in packed if kind != "full" else ((0, "https"),):
                alive = _alive(kind, window, scheme) if window else full
                bits = f", window of {window} bits" if window else ""
                if scheme == "mqtt":
                    bits += ", over MQTT"
                more = round((alive - full) / states.RATIO)
                figure = Figure(
                    f"alive at the worst moment of an update, {kind}{bits}",
                    f"{alive / states.RATIO:,.0f} bytes",
                    f"reckoned for a chip (/ {states.RATIO})"
                    + (f"; {more:+,} beside full" if window else ""),
                )
                # (A larger window is for who has the RAM, and asks for it.)
                if window in (0, WINDOWS[0]):
                    met = round(alive / states.RATIO) <= _ALIVE
                    figure = target(figure, met, f"at most {_ALIVE:,} bytes")
                figures.append(figure)
    return figures


def _alive(kind: str, window: int, scheme: str = "https") -> int:
    """Bytes on the 64-bit port.

    The least of boards whose heaps lie differently: what the first moments have left on the stack
    may point at whatever lies there later, and the collector takes it for alive.
    """
    return min(_alive_beside(filler, kind, window, scheme) for filler in _FILLERS)


def _alive_beside(filler: int, kind: str, window: int, scheme: str) -> int:
    with Desk(small=True) as desk:
        source, image = (desk.image(one, "states") for one in ("1.0.0", "1.1.0"))
        board = desk.board("alive")
        board.nvs_set("alink", "filler", filler)
        board.write_slot(0, source)
        desk.release("1.1.0", compress(image, window) if kind == "compressed" else image)
        if kind == "difference":
            path = desk.folder / "alive.alp"
            path.write_bytes(difference(image, source, window))
            desk.server.call("add_difference", PK, "1.1.0", str(path), "1.0.0")
        board.power_on()
        wait_said(board, "idle")
        desk.push("alive", "1.1.0", scheme=scheme)
        desk.server.call("wait_task", PK, "alive", "1.1.0", "SUCCEEDED", 120)
        wait_said(board, "idle", 2)
        board.power_cut()
        return states.at_worst(board)
