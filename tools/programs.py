"""The four command lines by name: what each is for, and where its verbs are."""

import sys
from collections.abc import Sequence

from tools.cli import Program

FLASH = Program(
    "flash",
    "flash.py",
    "A board out of its bag: flash it, give it its identity, put your code on it, ask how it is.",
    "tools.flashing.verbs",
)
IMAGE = Program(
    "image",
    "image.py",
    "Make an image of a firmware and an application, or an archive of files; pack, inspect, sign.",
    "tools.release.verbs",
)
CLOUD = Program(
    "cloud",
    "python -m tools.cloud",
    "A local stand-in for the Alibaba Cloud IoT Platform: MQTT sign-in, over-the-air upgrades and "
    "their downloads.",
    "tools.cloud.operator.verbs",
    """\
A first update, in three terminals' worth of commands:

  python -m tools.cloud device add a1B2c3D4e5F greenhouse_07     prints the secret, once
  python -m tools.cloud release add a1B2c3D4e5F 1.1.0 build/app-1.1.0.bin
  python -m tools.cloud serve                                    prints ports, and what to type
  python -m tools.cloud push a1B2c3D4e5F greenhouse_07 1.1.0
  python -m tools.cloud watch

For boards on your network let it listen there, and say what they reach you by:

  python -m tools.cloud serve --listen 0.0.0.0 --public 192.168.1.10 --mqtts-port 8883

Everything is kept in a folder (--folder, .cloud unless told): devices and their secrets, packages,
tasks, the certificate authority. All commands have to name the same one.

Through the platform's own API, at the stand-in that runs here or at the platform:

  python -m tools.cloud --at desk --help
  python -m tools.cloud --at cn-shanghai --help
""",
)
PLATFORM = Program(
    "cloud",
    "python -m tools.cloud --at desk",
    "The platform's own API, at the stand-in that runs in .cloud (desk), in a region of the "
    "platform (cn-shanghai) or in an instance there (cn-shanghai/iot-0abc1def).",
    "tools.cloud.platform.verbs",
)
SIM = Program(
    "sim",
    "python -m tools.sim",
    "An ESP32 on the desk: MicroPython in a flash file, under a real boot ROM's rules.",
    "tools.sim.verbs",
    """\
typical use:
  python -m tools.sim create desk.bin --image app.img \\
      --set product_key=PK --set device_name=DN --set device_secret=@secret.txt \\
      --set host=127.0.0.1 --set port=8883 --set ca=@.cloud/ca.pem \\
      --set wifi_ssid=any --set wifi_pass=any-will-do
  python -m tools.sim run desk.bin
  python -m tools.sim status desk.bin

create makes a 4 MiB flash with a partition table, an image in slot 0 (made by tools/image.py, or
any ESP32 app image) and files on the board's own file system. run boots it as an ESP32 does and
prints its console; lines of the boot ROM start with "rom: ". Ctrl-C takes the power away.
With --heap esp32 the board has the memory of an ESP32 without PSRAM: "heap: " lines tell when
Python's heap grows at the cost of Wi-Fi and TLS, and in the end how it was used.
""",
)
ALL = (FLASH, IMAGE, CLOUD, SIM)


def cloud(arguments: Sequence[str] | None = None, called: str = "") -> int:
    """Run a verb of CLOUD, or where `--at PLACE` stands one of PLATFORM; the exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    at = next((i for i, one in enumerate(words) if one.partition("=")[0] == "--at"), None)
    if at is None:
        return CLOUD.main(words, called)
    _, equals, place = words[at].partition("=")
    rest = words[at + 1 :]
    if not equals:
        place, rest = (rest[0], rest[1:]) if rest else ("", [])
    typed = f"{called or CLOUD.typed} --at {place or 'PLACE'}"
    return PLATFORM.main([*words[:at], *rest], typed, [f"--at={place}"])
