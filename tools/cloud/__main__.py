"""The platform on the desk: `python -m tools.cloud VERB --help`. The verbs: operator/verbs."""

import sys

from tools.cli import Program

WHAT = (
    "A local stand-in for the Alibaba Cloud IoT Platform: MQTT sign-in, over-the-air upgrades and "
    "their downloads."
)
MORE = """\
A first update, in three terminals' worth of commands:

  python -m tools.cloud device add a1B2c3D4e5F greenhouse_07     prints the secret, once
  python -m tools.cloud release add a1B2c3D4e5F 1.1.0 build/app-1.1.0.bin
  python -m tools.cloud serve                                    prints ports and the CA file
  python -m tools.cloud push a1B2c3D4e5F greenhouse_07 1.1.0
  python -m tools.cloud watch

For boards on your network let it listen there, and say what they reach you by:

  python -m tools.cloud serve --listen 0.0.0.0 --public 192.168.1.10 --mqtts-port 8883

Everything is kept in a folder (--folder, .cloud unless told): devices and their secrets, packages,
tasks, the certificate authority. All commands have to name the same one.
"""
PROGRAM = Program("cloud", "python -m tools.cloud", WHAT, "tools.cloud.operator.verbs", MORE)
main = PROGRAM.main

if __name__ == "__main__":
    sys.exit(main())
