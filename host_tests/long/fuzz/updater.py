"""Offers of any form, and downloads that are no good, into a whole Updater on a board of the sim.

Every offer that is well formed promises exactly the bytes it then gets, so digest and length are
right; but no input is an image that a board could boot. So no input may change which slot boots.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from functools import lru_cache
from pathlib import Path

from hypothesis import strategies as st

from host_tests.kit.images import make_image
from host_tests.kit.rig import TABLE, firmware
from host_tests.long.fuzz.images import heads
from host_tests.long.fuzz.inputs import examples, filler, mutated
from host_tests.long.fuzz.jobs import good, payloads
from host_tests.long.fuzz.on_device import packed, read_output
from host_tests.long.fuzz.target import DEVICE, Finding, Outcome, Progress
from tools.images import build_image
from tools.sim import Board

_HEAP_KIB = 512
_BATCH = 500
_TIMEOUT_S = 240
ROOT = DEVICE.parent.parent


@lru_cache(maxsize=1)
def _image() -> bytes:
    return make_image(6000)


def _flipped(at: int, bit: int) -> bytes:
    data = bytearray(_image())
    data[at % len(data)] ^= 1 << bit
    return bytes(data)


_bodies = st.one_of(
    st.builds(lambda head, n: head + filler(n, n), heads, st.integers(0, 9000)),
    st.builds(_flipped, st.integers(0, 1 << 20), st.integers(0, 7)),
    st.just(b""),
)
_inputs = st.one_of(
    st.tuples(st.integers(0, 1), payloads, st.just(b"")),
    st.builds(
        lambda body, version, flag, more: (flag, _offer(body, version), body + more),
        _bodies,
        st.integers(0, 99999).map(lambda n: f"1.{n}"),
        st.integers(0, 1),
        st.sampled_from([b"", b"", b"x"]),
    ),
    st.builds(
        lambda body, cut: (0, _offer(body, "1.1.0"), body[: len(body) // cut]),
        _bodies,
        st.integers(1, 9),
    ),
    st.tuples(st.integers(0, 1), mutated(_bodies.map(lambda b: _offer(b, "2.0"))), _bodies),
)


def _offer(body: bytes, version: str) -> bytes:
    message = good(body or b"nothing", version)
    message["id"] = "7"
    return json.dumps(message).encode()


def _packed(flag: int, offer: bytes, body: bytes) -> bytes:
    return bytes([flag]) + len(offer[:8192]).to_bytes(4, "big") + offer[:8192] + body


def run(seed: int, count: int, progress: Progress) -> Outcome:
    """No exception out of poll(), no restart, no other slot to boot from; idle again each time."""
    inputs = [_packed(*one) for one in examples(_inputs, seed, count)]
    outcome = Outcome(count)
    ends: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="fuzz-board-") as name:
        folder = Path(name)
        source = folder / "app"
        source.mkdir()
        (source / "main.py").write_text((DEVICE / "fuzz_updater.py").read_text())
        image = build_image(firmware(65536), source, "1.0.0")
        for start in range(0, count, _BATCH):
            batch = inputs[start : start + _BATCH]
            said = _board(folder / f"{start}", image, batch)
            read_output(said, start, inputs, outcome)
            ends.update(re.findall(r"^ended (\S+)$", said, re.MULTILINE))
            progress(len(batch))
    outcome.figures.update({name: str(number) for name, number in ends.most_common()})
    # The last check before the boot ROM's own: none of these images has an application.
    if "no-application" not in ends:
        outcome.findings.append(Finding(0, b"", f"nothing came as far as the last check: {ends}"))
    return outcome


def _board(folder: Path, image: bytes, batch: list[bytes]) -> str:
    # -> what the board printed; without its DONE when it did more than it should
    folder.mkdir()
    (folder / "inputs").write_bytes(packed(batch))
    common = folder / "common"
    common.mkdir()
    (common / "fuzz_common.py").write_text((DEVICE / "fuzz_common.py").read_text())
    with Board.create(
        folder / "flash.bin",
        partitions_csv=TABLE,
        heap_kib=_HEAP_KIB,
        mounts={"/fuzz": folder, "/common": common},
    ) as board:
        board.install_file("/boot.py", (ROOT / "micropython" / "boot.py").read_bytes())
        board.write_slot(0, image)
        board.power_on()
        try:
            board.wait_for(
                lambda: (
                    len(board.boots) > 1 or "\nDONE" in board.console_text() or not board.is_on
                ),
                _TIMEOUT_S,
                "the end of the inputs",
            )
            said = board.console_text()
        except AssertionError as exc:
            said = board.console_text().replace("\nDONE", "\n(DONE)") + f"\n{exc}"
        entries = [(entry.seq, entry.state) for entry in board.otadata() if entry.usable()]
        if len(board.boots) != 1 or len(entries) > 1 or board.violation:
            said = said.replace("\nDONE", "\n(DONE)")
            said += f"\n{len(board.boots)} boots, otadata {entries}, {board.violation}"
        return said
