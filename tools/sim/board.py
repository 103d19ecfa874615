"""Board: a board on the desk, to switch on, watch, cut the power of, and look into."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.chip import partition_csv, table
from tools.sim import interpreter
from tools.sim.boot import RESETS, Boot
from tools.sim.contents import FlashContents
from tools.sim.errors import BoardError
from tools.sim.flash import Cut, Flash
from tools.sim.heap import ESP32, ESP32_KIB
from tools.sim.history import History
from tools.sim.oplog import OpLog
from tools.sim.runner import Runner
from tools.sim.tape import Tape

ROOT = Path(__file__).resolve().parent.parent.parent
DEFAULT_TABLE = ROOT / "boards" / "ESP32_GENERIC" / "partitions.csv"


class Board(FlashContents):
    """A board with 4 MiB of flash in a file.

    path: the flash file (see `create`). console: called with each line the board prints (also
    the boot ROM's, which start with "rom: "), from the board's thread. interpreter: the
    MicroPython to run, else $MICROPYTHON, else the wheel's. heap_kib: its heap. heap: "esp32" for
    the memory of an ESP32 without PSRAM instead, whatever heap_kib says: a Python heap that grows
    at the cost of the IDF heap, on which Wi-Fi and TLS draw (see simchip/heap.py and
    simchip/idf.py for what that shows and what it cannot; heap_report() tells what was used).
    environment: more environment variables. clock: "set" (the host's time), "unset" (2000-01-01
    at power-on until the program sets it), or how many seconds off it is (int). wifi: "ok" or
    "absent". ntp: "ok" or "silent". ethernet: "absent" (no PHY chip, as on most boards),
    "unplugged" or "ok". ticks_wrap_ms: how long after the boot time.ticks_ms() wraps.
    mounts: {"/point": host folder}, read-only for the program, and python_path: folders added to
    the end of sys.path, for a test's own modules. tape: a file that gets every flash operation
    with its bytes (tape.py), or None.
    """

    def __init__(
        self,
        path: str | Path,
        console: Callable[[str], None] | None = None,
        interpreter: str | None = None,
        heap_kib: int = 2048,
        environment: Mapping[str, str] | None = None,
        *,
        clock: str | int = "set",
        wifi: str = "ok",
        ntp: str = "ok",
        ethernet: str = "absent",
        ticks_wrap_ms: int = 20000,
        wifi_delay_ms: int = 50,
        unique_id: str = "240ac4000001",
        mounts: Mapping[str, str | Path] | None = None,
        python_path: Sequence[str] = (),
        tape: str | Path | None = None,
        heap: str | None = None,
    ) -> None:
        if heap not in (None, ESP32):
            raise ValueError(f"heap={heap!r}: {ESP32!r} is the only chip there is")
        self.path = Path(path).resolve()
        self.heap = heap
        self.heap_kib = ESP32_KIB if heap else heap_kib
        self.environment = dict(environment or {})
        self.clock = clock
        self.ticks_wrap_ms = ticks_wrap_ms
        self.wifi_delay_ms = wifi_delay_ms
        self.unique_id = unique_id
        self.mounts = {
            point: str(Path(folder).resolve()) for point, folder in (mounts or {}).items()
        }
        self.python_path = list(python_path)
        self.command = _command(interpreter)
        self._folder = Path(tempfile.mkdtemp(prefix="sim-"))
        self.tape = None if tape is None else Tape(tape)
        also = None if self.tape is None else self.tape.append
        super().__init__(self.path, OpLog(self._folder / "operations", also))
        self.state_file = self._folder / "state"
        self.settings_file = self._folder / "settings"
        self._state = {"wifi": wifi, "ntp": ntp, "ethernet": ethernet}
        self._pins: dict[int, int] = {}
        self.state_file.write_bytes(b"")
        self._write_state()
        self.cut: Cut | None = None
        self.history = History(console)
        self._runner: Runner | None = None

    @staticmethod
    def create(
        path: str | Path,
        partitions_csv: str | Path = DEFAULT_TABLE,
        bootloader: bytes | None = None,
        **settings: object,
    ) -> Board:
        """A board with erased flash and a partition table; settings: those of Board."""
        entries = partition_csv.load(partitions_csv)
        Flash.create(path)
        flash = Flash(path)
        end = max(entry.address + entry.size for entry in entries)
        if end > flash.size:
            raise ValueError(f"{partitions_csv}: ends at {end:#x}, the flash at {flash.size:#x}")
        if bootloader:
            flash.fill(0x1000, bootloader)
        flash.fill(table.TABLE_AT, table.encode(entries))
        flash.close()
        return Board(path, **settings)  # type: ignore[arg-type]

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Power off and give everything back; the flash file stays."""
        self.power_cut()
        self.flash.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    # Power.

    @property
    def is_on(self) -> bool:
        """Whether the board has power and something (boot ROM, program, REPL) runs."""
        return self._runner is not None and self._runner.is_alive()

    def power_on(self) -> None:
        """Switch on; returns as soon as boots[-1] is this boot.

        BoardError when it is on; InUse when another Board, of any process, runs on the file.
        """
        if self.is_on:
            raise BoardError("the board is on already")
        self.power_cut()
        self.take_over_nvs()
        self.history.power_on()
        before = len(self.boots)
        self._runner = self._new_runner()
        self._runner.start()
        self.wait_for(lambda: len(self.boots) > before, 10, "boot")

    def _new_runner(self) -> Runner:
        return Runner(self, self.history)

    def power_cut(self) -> None:
        """Take the power away at once (also when it is off): the next reset cause is power-on."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.cut()
            runner.dispose()

    def reset(self, kind: str) -> None:
        """A reset that nobody asked for: "brownout" (told as power-on), "button", "watchdog", or
        what machine.reset_cause() has no name for and tells as 0: "usb", "jtag", "glitch",
        "unknown". Returns at once; boots[-1].ended is this word then.
        """
        if kind not in RESETS:
            raise ValueError(f"reset {kind!r}: one of {', '.join(RESETS)}")
        if self._runner is None or not self.is_on:
            raise BoardError("the board is off")
        self._runner.reset(kind)

    def cut_at(self, op: int, when: str = "before") -> None:
        """Arm a power cut at the op-th flash operation from now on (see Cut); 0 disarms."""
        if self.is_on:
            raise BoardError("a power cut is armed while the board is off")
        self.cut = Cut(op, when, len(self.log)) if op else None

    def interrupt(self) -> None:
        """Ctrl-C on the console: KeyboardInterrupt in the program."""
        if self._runner is not None:
            self._runner.interrupt(signal.SIGINT)

    # Settings that a test changes while the board runs; written out, each with its own words.

    @property
    def wifi(self) -> str:
        """Whether there is Wi-Fi: "ok" or "absent"."""
        return self._state["wifi"]

    @wifi.setter
    def wifi(self, value: str) -> None:
        self._state["wifi"] = value
        self._write_state()

    @property
    def ntp(self) -> str:
        """Whether the time server answers: "ok" or "silent"."""
        return self._state["ntp"]

    @ntp.setter
    def ntp(self, value: str) -> None:
        self._state["ntp"] = value
        self._write_state()

    @property
    def ethernet(self) -> str:
        """Whether there is a PHY chip, and a cable in it: "absent", "unplugged" or "ok"."""
        return self._state["ethernet"]

    @ethernet.setter
    def ethernet(self, value: str) -> None:
        self._state["ethernet"] = value
        self._write_state()

    def pin(self, number: int, level: int | None) -> None:
        """Connect a pin (0 to 39) to 3.3 V (1), to ground (0) or to nothing (None)."""
        if not 0 <= number <= 39 or level not in (0, 1, None):
            raise ValueError(f"pin {number}, level {level}: 0 to 39, and 0, 1 or None")
        if level is None:
            self._pins.pop(number, None)
        else:
            self._pins[number] = level
        self._write_state()

    def clock_at_power_on(self) -> int:
        """Seconds from the host's clock to the board's when it gets power."""
        if isinstance(self.clock, int):
            return self.clock
        return 0 if self.clock == "set" else 946684800 - int(time.time())

    def _write_state(self) -> None:
        flags = "".join("1" if value == "ok" else "0" for value in self._state.values())
        pins = "".join(str(self._pins.get(number, "-")) for number in range(40))
        # In place: the program may be reading it right now.
        with self.state_file.open("r+b") as file:
            file.write((flags + pins).encode())

    # Waiting.

    def wait_for(
        self, predicate: Callable[[], object], timeout_s: float = 30, what: str = "the condition"
    ) -> None:
        """Wait until predicate() is true; it is asked again whenever the board does something.

        Raises FlashViolation when the program broke a rule of the flash, BoardTimeout at the
        deadline; both with the end of the console.
        """
        self.history.wait_for(predicate, lambda: self.is_on, timeout_s, what)

    # Looking.

    @property
    def boots(self) -> list[Boot]:
        """Every boot, the first one first."""
        return self.history.boots

    @property
    def console(self) -> list[tuple[float, str]]:
        """Every line it printed, with time.monotonic()."""
        return self.history.console

    @property
    def bricked(self) -> bool:
        """Whether the boot ROM found nothing to start."""
        return self.history.bricked

    @property
    def violation(self) -> str:
        """Which rule of the flash chip the program broke, or ""."""
        return self.history.violation

    def console_text(self) -> str:
        """Everything the board printed since it was made, boot ROM included."""
        return self.history.text()

    def heap_report(self) -> str:
        """With heap="esp32": a line for each boot, how its memory was used; else ""."""
        return "\n".join(
            f"heap: boot {boot.number}: {boot.heap}" for boot in self.boots if boot.heap
        )

    def running_slot(self) -> int | None:
        """The OTA slot that runs (or ran last); None before the first boot and when bricked."""
        return self.boots[-1].slot if self.boots else None


def _command(named: str | None) -> list[str]:
    return interpreter.command(named)
