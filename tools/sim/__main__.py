"""The board on the desk: `python -m tools.sim VERB --help`. The verbs: verbs/."""

import sys

from tools.cli import Program

WHAT = "An ESP32 on the desk: MicroPython in a flash file, under a real boot ROM's rules."
MORE = """\
typical use:
  python -m tools.sim create desk.bin --image app.img --file micropython/boot.py \\
      --set product_key=PK --set device_name=DN --set device_secret=@secret.txt \\
      --set host=127.0.0.1 --set port=8883 --set ca=@cloud/ca.der
  python -m tools.sim run desk.bin
  python -m tools.sim status desk.bin

create makes a 4 MiB flash with a partition table, an image in slot 0 (made by tools/image.py, or
any ESP32 app image) and files on the board's own file system. run boots it as an ESP32 does and
prints its console; lines of the boot ROM start with "rom: ". Ctrl-C takes the power away.
With --heap esp32 the board has the memory of an ESP32 without PSRAM: "heap: " lines tell when
Python's heap grows at the cost of Wi-Fi and TLS, and in the end how it was used.
"""
PROGRAM = Program("sim", "python -m tools.sim", WHAT, "tools.sim.verbs", MORE)
main = PROGRAM.main

if __name__ == "__main__":
    sys.exit(main())
