"""An ESP32 on the desk: a flash file, the boot ROM's rules, and MicroPython's unix port.

`Board` is the whole of it; `python -m tools.sim --help` is the same for the command line. What
runs is the interpreter of the host, so some things are the host's and not the chip's:

* the processor, the heap (2 MiB unless told; objects are twice as large) and floating point.
  heap="esp32" gives it the memory of an ESP32 without PSRAM instead: see simchip/heap.py and
  simchip/idf.py for what that shows, and what it cannot;
* the image in the slot is verified and chosen as on the chip, but its machine code never runs;
* sockets: `setblocking(True)` does not undo `settimeout()`, and one that is open stays open when
  the Wi-Fi goes; without Wi-Fi it is getaddrinfo() that fails;
* TLS compares certificates with the board's clock, and with the host's, too;
* `/_sim` on the board's root holds the sim's modules, `/_sim/.frozen` those that a stock firmware
  has frozen in: an application's own of these names win, what lies in /lib does not.
"""

from tools.sim.board import Board
from tools.sim.boot import Boot
from tools.sim.errors import BoardError, BoardTimeout, FlashViolation
from tools.sim.flash import Cut
from tools.sim.interpreter import NoInterpreter
from tools.sim.oplog import Counts, Op

__all__ = [
    "Board",
    "BoardError",
    "BoardTimeout",
    "Boot",
    "Counts",
    "Cut",
    "FlashViolation",
    "NoInterpreter",
    "Op",
]
