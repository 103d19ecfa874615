"""The platform on the desk: `python -m tools.cloud VERB --help`. The verbs: operator/verbs.

With `--at PLACE` in front the verbs are those of platform/verbs: what the platform's own API can
do, at the stand-in (desk) or at the platform (REGION, REGION/INSTANCE).
"""

import sys
from collections.abc import Sequence

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

Through the platform's own API, at the stand-in that runs here or at the platform:

  python -m tools.cloud --at desk --help
  python -m tools.cloud --at cn-shanghai --help
"""
AT = (
    "The platform's own API, at the stand-in that runs in .cloud (desk), in a region of the "
    "platform (cn-shanghai) or in an instance there (cn-shanghai/iot-0abc1def)."
)
PROGRAM = Program("cloud", "python -m tools.cloud", WHAT, "tools.cloud.operator.verbs", MORE)
PLATFORM = Program("cloud", "python -m tools.cloud --at desk", AT, "tools.cloud.platform.verbs")


def main(arguments: Sequence[str] | None = None, called: str = "") -> int:
    """Run one verb; the exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    first, equals, place = words[0].partition("=") if words else ("", "", "")
    if first != "--at":
        return PROGRAM.main(words, called)
    rest = words[1:]
    if not equals:
        place, rest = (rest[0], rest[1:]) if rest else ("", [])
    typed = f"{called or PROGRAM.typed} --at {place}"
    # Each verb has the option, so that its module says all that it takes.
    return PLATFORM.main([*rest, "--at", place] if rest else [], typed)


if __name__ == "__main__":
    sys.exit(main())
