"""A board at the other end of a port: stopped, met, started again; its programs and files."""

from __future__ import annotations

import ast
import base64
import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from mpremote.transport import TransportError

from tools.cli import Refused
from tools.flashing.lines import refuse_reset
from tools.flashing.patience import PATIENCE
from tools.flashing.ports import resolve
from tools.flashing.refusals import (
    FLASH_IT,
    BoardFailed,
    OutOfStep,
    Restarted,
    Unreachable,
    no_repl,
)
from tools.flashing.repl import Repl
from tools.images.oldest_firmware import OLDEST

SCRIPTS = Path(__file__).with_name("on_board")

_PIECE = 1536  # bytes of a file that travel at once; a multiple of 3
_FACTS = (
    "import sys;print(repr((sys.implementation.name,tuple(sys.implementation.version[:3]),"
    "sys.platform,getattr(sys.implementation,'_machine',''))))"
)


class Link(Repl):
    """A board. Use as a context manager; raises Refused for whatever goes wrong.

    When it ends, the program that it interrupted runs again.
    name: the port. implementation, version (three int), platform, machine: what runs there, known
    after interrupt() or clean().
    """

    def __init__(self, port: str | None) -> None:
        super().__init__(resolve(port), PATIENCE)
        self.implementation = ""
        self.version = (0, 0, 0)
        self.platform = ""
        self.machine = ""

    def __enter__(self) -> Link:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The program that was interrupted runs again, also after a refusal; the board may be gone.
        with contextlib.suppress(Refused):
            if self._stopped and not isinstance(error, Unreachable):
                self.restart()
        with contextlib.suppress(OSError, TransportError):
            self._transport.close()

    # The REPL.

    def interrupt(self) -> None:
        """Stop the program that runs, keep its memory, and learn what the board is.

        A board that is starting hears nothing of it, or does all of it at once when it has
        started: it is asked again and again.
        """
        patience = self._patience
        began = silent = time.monotonic()
        heard = b""
        late = False
        with self._waiting("the board does not answer; it may be starting"):
            while (answer := self._enter(soft_reset=False, within_s=patience.ask)) is not None:
                now = time.monotonic()
                silent = silent if answer else now
                heard += answer
                if now > began + patience.start or now > silent + patience.strange:
                    raise no_repl(self.name, heard)
                late = True
            if late:
                # It may still be answering what it was asked before.
                self._drain()
                self._enter(soft_reset=False, within_s=patience.ask)
            self._meet_settled()

    def clean(self, unless_on_trial: Refused | None = None) -> None:
        """interrupt(), then a soft reset: boot.py runs, main.py does not.

        unless_on_trial: raised for a version on trial; before the reset, which it would count.
        """
        try:
            self.interrupt()
            self._refuse_trial(unless_on_trial)
        except BoardFailed:
            self.implementation = ""  # no memory left even for the question: asked again below
        try:
            self._reset_softly()
        except Restarted:  # once is bad luck: a watchdog of the program that ran, say
            self.interrupt()
            self._reset_softly()
        if not self.implementation:
            self._meet()
        self._refuse_trial(unless_on_trial)  # boot.py itself may have been interrupted before

    def restart(self) -> None:
        """A soft reset that runs main.py: the board is as it was after power-on."""
        announce_s = self._patience.announce
        with self._failures():
            transport = self._transport
            transport.serve_no_more()
            transport.exit_raw_repl()
            transport.read_until(1, b">>> ", timeout_overall=announce_s)
            transport.serial.write(b"\x04")
            transport.read_until(1, b"soft reboot\r\n", timeout_overall=announce_s)
        self._stopped = False

    def script(self, name: str, **options: Any) -> str:
        """Run a file of on_board/."""
        return self.run((SCRIPTS / f"{name}.py").read_text(encoding="utf-8"), **options)

    def ask(self, name: str, **options: Any) -> Any:
        """Run a file of on_board/ that prints one line of JSON; that value."""
        lines = self.script(name, **options).strip().splitlines()
        try:
            return json.loads(lines[-1])
        except (IndexError, ValueError):
            raise Refused(
                f"the board's answer to {name} is not what was asked for",
                "Try again; if it stays so, press the reset button first.",
            ) from None

    def has_loader(self) -> bool:
        """Whether alink's boot.py has run since the last reset."""
        return "True" in self.run("import sys;print('alink_boot' in sys.modules)")

    # Its files.

    def write_file(self, path: str, data: bytes, on_bytes: Callable[[int], None]) -> None:
        """Write a file; its folder exists. on_bytes: told how many more bytes are there."""
        self.run(
            "import binascii\nf=open(path,'wb')\ndef w(t):\n f.write(binascii.a2b_base64(t))",
            path=path,
        )
        for at in range(0, len(data), _PIECE):
            piece = data[at : at + _PIECE]
            self.run(f"w({base64.b64encode(piece).decode()!r})")
            on_bytes(len(piece))
        self.run("f.close()")

    def mount(self, folder: Path, at: str) -> None:
        """Let the board see a folder of this computer as `at`, and go there, until its next
        reset. It may write there, too.
        """
        self.run(self._transport.mounting(), AT=at)
        self._transport.serve(folder)

    # Inside.

    def _refuse_trial(self, refusal: Refused | None) -> None:
        if refusal is not None and "True" in self.run(
            "import sys;print(sys.modules.get('alink_boot',{}).get('trial') is not None)"
        ):
            raise refusal

    def _reset_softly(self) -> None:
        within_s = self._patience.boot
        transport = self._transport
        transport.watch = refuse_reset
        try:
            with self._waiting("the board is starting"):
                heard = self._enter(soft_reset=True, within_s=within_s)
        finally:
            transport.watch = None
        if heard is not None:
            raise Refused(
                f"the board did not come back from a soft reset within {within_s:g} s",
                "Its boot.py may wait for something: press the reset button and try again.",
            )

    def _meet_settled(self) -> None:
        """_meet(), asked again for a while.

        What was typed at a board that was starting is done late, and in one go: a Ctrl-C of it
        then breaks into a program that is just being sent, or runs. The question may be asked
        twice, other programs may not: when it is answered, board and link are in step.
        """
        patience = self._patience
        deadline = time.monotonic() + patience.settle
        self._window_s = patience.first
        while True:
            try:
                self._meet()
                break
            except OutOfStep:
                if time.monotonic() > deadline:
                    raise
            except BoardFailed as exc:
                if "KeyboardInterrupt" not in exc.traceback or time.monotonic() > deadline:
                    raise
            self._window_s = min(2 * self._window_s, patience.window)
            self._drain()
            self._transport.use_raw_paste = True  # mpremote gives it up at the first wrong byte
            self._enter(soft_reset=False, within_s=patience.ask)
        self._window_s = patience.window

    def _meet(self) -> None:
        said = self.run(_FACTS)
        try:
            name, version, platform, machine = ast.literal_eval(said.strip())
            self.version = (int(version[0]), int(version[1]), int(version[2]))
        except (SyntaxError, ValueError, TypeError, IndexError):
            raise no_repl(self.name, said.encode()) from None
        self.implementation, self.platform, self.machine = name, platform, machine
        shown = ".".join(map(str, self.version))
        if name != "micropython":
            raise Refused(f"the board on {self.name} runs {name} {shown}", FLASH_IT)
        if self.version < OLDEST:
            raise Refused(
                f"the board on {self.name} runs MicroPython {shown}; alink needs "
                f"{OLDEST[0]}.{OLDEST[1]} or newer",
                "Flash a newer one (flash.py flash); its settings in NVS stay.",
            )
