"""What the package takes on a chip: by module on a 32-bit MicroPython, by state reckoned."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tools.bench import states
from tools.bench.desk import ROOT, Say
from tools.bench.modules import full, order, told, travelling
from tools.bench.report import Figure, Section

PORT = "@micropython/micropython-webassembly-pyscript"
VERSION = "1.27.0"
FOLDER = ROOT / ".cache" / f"micropython-32bit-{VERSION}"
_SLOT = 6  # bytes that the table of names has for each, beside its letters
_INSTALL_S = 180


class NotHere(RuntimeError):
    """The 32-bit MicroPython cannot be run; the text says why, and what to do."""


def measure(say: Say, *, small: bool = False) -> Section:
    """Modules and folders on 32 bit; states on 64 bit, and divided by the ratio."""
    figures: list[Figure] = []
    weights: dict[str, int] = {}
    try:
        say("chip: modules on a 32-bit MicroPython")
        weights, names = weighed(interpreter())
        figures += _weights(weights, names)
    except NotHere as exc:
        figures.append(Figure("32-bit MicroPython: bytes by module", "not measured", str(exc)))
    figures += states.figures(say, weights, ("https",) if small else ("https", "mqtt"))
    about = (
        "32-bit: the .mpy files that an image carries, imported one after the other, root first, "
        f"in MicroPython {VERSION} for WebAssembly under Node ({PORT}, put into .cache by npm); "
        "gc.mem_alloc() after a collection. The objects have a chip's size, and an ESP32 came out "
        "up to 16 % lower: an upper bound. A module pays for the names that it is the first to "
        "bring; names are never freed. 64-bit port: the reference application on a board of the "
        "sim, with the bench's balance in it; gc.mem_alloc() after a collection behind each "
        "import, each look at the clock and each call into NVS or flash, less what was there "
        "before the package (the interpreter, the sim, boot.py) and what the sim takes for each "
        "key of NVS since (256 bytes of it), plus its share of the table of names. Reckoned for a "
        f"chip: that divided by {states.RATIO}, which is what all modules "
        "of an earlier alink took on the two. The worst moment is the most of judging, beginning, "
        "opening, moving, verifying, storing and trial. `loaded` is what was loaded then."
    )
    return Section("chip", "on a chip", figures, about)


def interpreter() -> Path:
    """The 32-bit MicroPython for Node; installed if it is not. Raises NotHere."""
    place = FOLDER / "node_modules" / PORT / "micropython.mjs"
    if shutil.which("node") is None:
        raise NotHere("Node.js is not installed here: install it (with npm) and measure again")
    if place.is_file():
        return place
    npm = shutil.which("npm")
    if npm is None:
        raise NotHere(f"npm is not installed here, and would have to bring {PORT}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--no-save", "--no-audit", "--no-fund", f"{PORT}@{VERSION}"]
    try:
        done = subprocess.run(
            [*command, "--prefix", str(FOLDER)],
            capture_output=True,
            text=True,
            timeout=_INSTALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotHere(f"npm did not bring {PORT} within {_INSTALL_S} s") from None
    if done.returncode or not place.is_file():
        why = (done.stderr.strip() or "no such file in the package").splitlines()[0]
        raise NotHere(f"npm could not bring {PORT} {VERSION}: {why}")
    return place


def weighed(place: Path) -> tuple[dict[str, int], int]:
    """Bytes of heap by module, on 32 bit, and how many names all of them have brought."""
    modules = order()
    script = str(Path(__file__).with_name("chip.mjs"))
    with travelling() as (folder, _):
        command = ["node", script, str(place), str(folder), *map(full, modules)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"chip.mjs: {done.stderr.strip() or done.stdout.strip()}")
    before, after = (int(number) for number in re.findall(r"n_qstr=(\d+)", done.stdout))
    return dict(zip(modules, told(done.stdout), strict=True)), after - before


def _weights(weights: Mapping[str, int], names: int) -> list[Figure]:
    folders: dict[str, dict[str, int]] = {}
    for name, taken in weights.items():
        folders.setdefault(name.rpartition(".")[0], {})[name.rpartition(".")[2]] = taken
    figures = []
    for folder, modules in folders.items():
        heaviest = sorted(modules.items(), key=lambda item: -item[1])
        figures.append(
            Figure(
                f"32-bit MicroPython: {f'{folder}/' if folder else 'root'}, if all were loaded",
                f"{sum(modules.values()):,} bytes",
                ", ".join(f"{name} {taken:,}" for name, taken in heaviest),
            )
        )
    return [
        *figures,
        Figure(
            "32-bit MicroPython: table of names",
            f"{names * _SLOT:,} bytes",
            f"{names} new names of {_SLOT} bytes beside their letters, for good",
        ),
    ]
