"""A built file under real MicroPython: it mounts, runs, and records a crash on trial."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_tests.kit.device_process import run_device
from host_tests.kit.images import make_image
from tools.images import build_image, read_files
from tools.images.volume import BLOCK_SIZES, make_volume

# What boot.py does on a board, over a file: finds the volume by walking the image header, and
# gives LittleFS a device of the volume's own block size that refuses every write.
MOUNT = """
import os, struct, sys, vfs
image = open(sys.argv[1], "rb")
head = image.read(24)
end = 24
for _ in range(head[1]):
    image.seek(end)
    end += 8 + struct.unpack("<II", image.read(8))[1]
end = (end + 16) & ~15
if head[23]:
    end += 32
start = (end + 4095) & ~4095
image.seek(start + 8)
assert image.read(8) == b"littlefs"
image.seek(start + 20)
version, block, count = struct.unpack("<III", image.read(12))
assert version == 0x20000

class Volume:
    def readblocks(self, n, buf, off=0):
        image.seek(start + n * block + off)
        image.readinto(buf)
    def writeblocks(self, n, buf, off=0):
        raise OSError(30)
    def ioctl(self, op, arg):
        if op == 4:
            return count
        if op == 5:
            return block
        if op == 6:
            raise OSError(30)

vfs.mount(vfs.VfsLfs2(Volume(), readsize=min(block, 512), lookahead=8), "/app", readonly=True)
os.chdir("/app")
sys.path[0:1] = ["", "/app/lib"]
"""

# What boot.py leaves for main.py, and the way MicroPython then runs that file.
TRIAL = """
class Trial:
    def fail(self, text):
        print("FAIL", len(text), text)
        sys.exit(0)
class esp32:
    class NVS:
        def __init__(self, namespace):
            pass
        def get_i32(self, key):
            raise OSError(-0x1102)  # there is none
sys.modules["esp32"] = esp32
sys.modules["alink_boot"] = {{"trial": Trial() if {trial} else None, "dev": {dev}}}
"""
RUN_MAIN = """
try:
    exec(open("main.py").read(), {"__name__": "__main__"})
except BaseException as e:
    print("RAISED", type(e).__name__)
"""

MAIN = """
from version import VERSION
import sensors
from driver import NAME
print("RAN", VERSION, sensors.read(), NAME)
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A small application whose main.py a test replaces."""
    folder = tmp_path / "app"
    (folder / "lib").mkdir(parents=True)
    (folder / "main.py").write_text(MAIN)
    (folder / "sensors.py").write_text("def read():\n    return 21\n")
    (folder / "lib" / "driver.py").write_text("NAME = 'driver'\n")
    return folder


def run(tmp_path: Path, app: Path, script: str, block_size: int = 256) -> str:
    """What MicroPython prints when it runs the script with the built image mounted."""
    file = tmp_path / "release.bin"
    file.write_bytes(build_image(make_image(), app, "1.1.0", block_size=block_size))
    return run_device(MOUNT + script, str(file))


@pytest.mark.parametrize("block_size", BLOCK_SIZES)
def test_a_board_mounts_the_volume_and_runs_the_application(
    block_size: int, app: Path, tmp_path: Path
) -> None:
    said = run(tmp_path, app, RUN_MAIN, block_size)
    assert said.strip() == "RAN 1.1.0 21 driver"


def test_what_is_embedded_is_bytecode_and_comes_from_the_volume(app: Path, tmp_path: Path) -> None:
    said = run(
        tmp_path,
        app,
        "import sensors, driver\nfrom alink import errors\n"
        "print(sensors.__file__, driver.__file__, errors.__file__)\nprint(os.listdir('/app'))\n",
    )
    where, listing = said.strip().splitlines()
    # '' is in front of /app/lib, and the working directory is /app; alink has made its own path
    # absolute, since it loads parts of itself long after the application may have changed it.
    assert where == "sensors.mpy /app/lib/driver.mpy /app/alink/errors.mpy"
    assert "'app_main.mpy'" in listing
    assert "sensors.py'" not in listing


def test_nothing_can_be_written_to_a_running_application(app: Path, tmp_path: Path) -> None:
    said = run(
        tmp_path,
        app,
        "try:\n    open('/app/new', 'w')\n    print('WRITTEN')\n"
        "except OSError as e:\n    print('refused', e.errno)\n",
    )
    assert said.strip() == "refused 30"


def test_every_byte_of_every_file_reaches_the_board(tmp_path: Path) -> None:
    # Sizes around what LittleFS keeps inside a directory entry, a cache and a block.
    edges = (0, 1, 31, 32, 63, 64, 65, 127, 128, 129, 511, 512, 513, 1023, 4096, 9000)
    files = {f"/f{size}.bin": bytes((i * 7 + size) % 251 for i in range(size)) for size in edges}
    for block_size in BLOCK_SIZES:
        volume = make_volume(files, block_size)
        assert read_files(volume) == files
        file = tmp_path / "volume.bin"
        file.write_bytes(make_image(segments=1).ljust(65536, b"\xff") + volume)
        said = run_device(
            MOUNT + "import hashlib, binascii\nfor name in sorted(os.listdir('/app')):\n"
            "    h = hashlib.sha256(open(name, 'rb').read())\n"
            "    print(name, binascii.hexlify(h.digest()).decode())\n",
            str(file),
        )
        assert said.split() == _listing(files)


def _listing(files: dict[str, bytes]) -> list[str]:
    from hashlib import sha256

    pairs = sorted((path[1:], sha256(content).hexdigest()) for path, content in files.items())
    return [word for pair in pairs for word in pair]


CRASHES = {
    "missing module": ("import nowhere\n", "ImportError: no module named 'nowhere'"),
    "two lines": ("raise ValueError('a\\nb')\n", "ValueError: a b"),
    "long": ("raise OSError('x' * 500)\n", ("OSError: " + "x" * 500)[:100]),
    "no text": (
        "class Odd(Exception):\n    def __str__(self):\n        raise KeyError\nraise Odd()\n",
        "Odd",
    ),
}


@pytest.mark.parametrize("case", sorted(CRASHES))
def test_a_crash_on_trial_is_recorded_in_one_line_and_shown(
    case: str, app: Path, tmp_path: Path
) -> None:
    source, text = CRASHES[case]
    (app / "main.py").write_text(source)
    said = run(tmp_path, app, TRIAL.format(trial=True, dev=False) + RUN_MAIN)
    # The first word tells alink how the trial ended; the rest is for people.
    assert f"FAIL {len(text) + 6} crash {text}" in said.splitlines()
    if case != "no text":
        assert "Traceback" in said
        assert 'File "app/main.py", line 1' in said


def test_a_crash_in_development_and_without_the_loader_is_left_to_the_user(
    app: Path, tmp_path: Path
) -> None:
    (app / "main.py").write_text("import nowhere\n")
    for boot in (TRIAL.format(trial=False, dev=True), ""):
        said = run(tmp_path, app, boot + RUN_MAIN)
        assert said.strip() == "RAISED ImportError"


@pytest.mark.parametrize("name", ["KeyboardInterrupt", "SystemExit"])
def test_stopping_an_application_on_trial_by_hand_is_no_crash(
    name: str, app: Path, tmp_path: Path
) -> None:
    (app / "main.py").write_text(f"raise {name}\n")
    said = run(tmp_path, app, TRIAL.format(trial=True, dev=False) + RUN_MAIN)
    assert said.strip() == f"RAISED {name}"


GUARD = "if __name__ == '__main__':\n    print('RAN')\n"
GUARDED = {
    "import first": "import time\n" + GUARD,
    "comment first": "# A program.\n" + GUARD,
    "docstring first": '"""A program."""\n' + GUARD,
    "function first": "def f():\n    return __name__\n\n\n" + GUARD,
    "functions only": "def f():\n    return __name__\ndef g(): pass\n" + GUARD,
    "class first": "class A:\n    pass\n" + GUARD,
    "nothing but the guard": GUARD,
    "no newline at its end": GUARD + "x = 1",
    "decorator first": "@str\ndef f():\n    pass\n" + GUARD,
}


@pytest.mark.parametrize("case", sorted(GUARDED))
def test_a_program_with_the_usual_guard_does_run(case: str, app: Path, tmp_path: Path) -> None:
    (app / "main.py").write_text(GUARDED[case])
    assert run(tmp_path, app, TRIAL.format(trial=False, dev=True) + RUN_MAIN).split()[0] == "RAN"


def test_what_main_defines_is_found_by_modules_that_it_imports(app: Path, tmp_path: Path) -> None:
    (app / "main.py").write_text(
        "PIN = 4\nimport sensors\ndef later():\n    return PIN + 1\nprint(sensors.late())\n"
    )
    (app / "sensors.py").write_text(
        "import main\nprint('pin', main.PIN)\ndef late():\n    from main import later\n"
        "    return later()\n"
    )
    said = run(tmp_path, app, TRIAL.format(trial=False, dev=True) + RUN_MAIN)
    assert said.split()[:3] == ["pin", "4", "5"], "run once, and by the name of its file"


@pytest.mark.parametrize("before", ["", "\n", "# why\n", "import time\n", "def f(): pass\n\n"])
def test_a_traceback_has_the_line_of_the_source(before: str, app: Path, tmp_path: Path) -> None:
    (app / "main.py").write_text(before + "x = 1\n1 / 0\n")
    said = run(tmp_path, app, TRIAL.format(trial=True, dev=False) + RUN_MAIN)
    assert f'File "app/main.py", line {before.count(chr(10)) + 2}, in' in said
