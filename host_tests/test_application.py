"""The application on the board: it runs as a program, and one that ends strands no board."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.rig import Rig, app
from tools.imagelib.application import collect

GUARDED = {
    "main.py": "import helper\n\nPIN = 4\n\ndef run():\n    print('as', __name__, helper.pin())\n"
    "\nif __name__ == '__main__':\n    run()\n    while True: pass\n",
    "helper.py": "import main\n\ndef pin():\n    return main.PIN\n",
}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path) as rig:
        rig.cloud.faults.connects_per_minute = None
        yield rig


def test_the_usual_guard_works_and_modules_find_main(rig: Rig) -> None:
    rig.folder.joinpath("app-1.0.0").mkdir()
    rig.folder.joinpath("app-1.0.0", "helper.py").write_text(GUARDED["helper.py"])
    rig.board.write_slot(0, rig.image("1.0.0", GUARDED["main.py"]))
    rig.board.power_on()
    rig.says("as __main__ 4")


def test_the_usual_guard_works_in_development_too(rig: Rig, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, text in GUARDED.items():
        (folder / name).write_text(text)
    for path, content in collect(folder, "1.0.1", features=()).items():
        if not path.startswith("/alink/"):  # the slot's is used
            rig.board.install_file(f"/dev_app{path}", content)
    rig.board.nvs_set("alink", "dev", 1)
    rig.board.write_slot(0, rig.image("1.0.0", app()))
    rig.board.power_on()
    rig.says("as __main__ 4")
