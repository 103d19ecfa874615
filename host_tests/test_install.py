"""`pip install .` gives a person the command `alink`, with all that it needs and no more."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from host_tests.kit.firmware_files import application
from host_tests.kit.images import make_image
from host_tests.kit.rig import ROOT
from tools import alink
from tools.images import examine

PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
# What boards and the sim's MicroPython run, or what only looks like Python.
NOT_OURS = (
    "tools/bench/apps",
    "tools/demo/app",
    "tools/flashing/on_board",
    "tools/images/end_template.py",
    "tools/images/main_template.py",
    "tools/sim/device",
)
# Rooms of the checkout, which nobody installs: they may use what tests use.
CHECKOUT_ONLY = ("tools/bench", "tools/dev")
# Programs and not packages that are imported; and what another one loads by its name.
NOT_IMPORTED = {"python-multipart"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what pip installs of this project."""
    folder = tmp_path_factory.mktemp("install")
    source = folder / "source"
    source.mkdir()
    for name in ("boards", "micropython", "tools"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    local = ["--no-index", "--no-deps", "--no-build-isolation"]  # nothing comes from a network
    done = subprocess.run(
        [*pip, *local, "--target", str(folder / "site"), str(source)],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.fixture
def elsewhere(tmp_path: Path, installed: Path) -> Path:
    """A folder that has nothing to do with the project, where a person works."""
    application(tmp_path / "my_app")
    (tmp_path / "stock.bin").write_bytes(make_image())
    return tmp_path


def typed(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(installed / "bin" / "alink"), *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_the_command_works_from_any_folder_without_the_checkout(
    installed: Path, elsewhere: Path
) -> None:
    shown = typed(installed, elsewhere, "--version")
    assert shown.stdout == f"alink {metadata.version('alink')}\n" == f"alink {alink.version()}\n"
    build = "image build --firmware stock.bin --app my_app --version 1.0.0 -o release.bin"
    for line, said in (
        (build, "version 1.0.0 for esp32"),
        ("flash check release.bin --board ESP32_GENERIC", "fits         ESP32_GENERIC"),
        ("sim create desk.bin --image release.bin", "alink sim run desk.bin"),
        ("sim status desk.bin", "ota_0      bootable"),
        ("cloud device add a1B2c3D4e5F green", "secret      "),
        ("completion bash", "complete "),
    ):
        done = typed(installed, elsewhere, *line.split())
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
    report = examine((elsewhere / "release.bin").read_bytes())
    assert report.version == "1.0.0"
    assert not report.problems


def test_everything_that_the_tools_read_is_installed(installed: Path) -> None:
    """Also programs for boards, templates, and what lies in a hidden folder."""
    rooms = ("boards", "micropython", *(f"tools/{one}" for one in ("chip", "cloud", "flashing")))
    rooms += ("tools/images", "tools/release", "tools/sim")
    for room in rooms:
        wanted = {
            path.relative_to(ROOT)
            for path in (ROOT / room).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        missing = {path for path in wanted if not (installed / "alink_desk" / path).is_file()}
        assert missing == set()
        assert wanted
    assert sorted(path.name for path in installed.iterdir() if "." not in path.name) == [
        "alink_desk",
        "bin",
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_every_verb_and_option(shell: str) -> None:
    script = alink.completion(shell)
    for word in ("provision", "inspect", "mosquitto", "create", "keep-bootloader", "heap-report"):
        assert word in script
    for word in ("rollout", "percent", "cn-shanghai"):  # behind --at
        assert word in script


def test_bash_completes_a_verb_and_an_option() -> None:
    """What a person gets who types `alink cl` or `alink cloud push --ov` and TAB."""
    for words, last in (
        ("cl", "cloud"),
        ("cloud pu", "push"),
        ("cloud push --ov", "--over"),
        ("cloud --a", "--at"),
        ("cloud --at d", "desk"),
        ("cloud --at = cn-s", "cn-shanghai"),  # bash makes three words of --at=cn-s
        ("cloud --at desk ro", "rollout"),
        ("cloud --at = cn-shanghai rollout sta", "start"),
        ("cloud --at cn-shanghai/iot-0abc1def rollout start --per", "--percent"),
        ("flash flash --board ESP32_GENERIC_S", "ESP32_GENERIC_S3"),
        ("flash check x.bin --flash-size 1", "16MB"),
        ("image build --with pa", "packages"),
        ("image build --chip esp32c", "esp32c6"),
    ):
        line = ["alink", *words.split()]
        program = f"""{alink.completion("bash")}
COMP_WORDS=({" ".join(line)}); COMP_CWORD={len(line) - 1}
$(complete -p alink | sed 's/.*-F \\([^ ]*\\).*/\\1/') alink "{line[-1]}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
        done = subprocess.run(
            ["bash", "-c", program], capture_output=True, text=True, timeout=900, check=False
        )
        assert last in done.stdout.split(), done.stderr


# --- what is declared ---


def declared(section: str) -> set[str]:
    """The names of the packages in a list of pyproject.toml."""
    found = re.search(rf"^{section} = \[\n(.*?)^\]", PYPROJECT, re.MULTILINE | re.DOTALL)
    assert found
    return {canonical(name) for name in re.findall(r'^ +"([\w.-]+)==', found[1], re.MULTILINE)}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(path: Path) -> set[str]:
    """The packages that a file imports, wherever in it, but for Python's own and ours."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    tops = {name.partition(".")[0] for name in names}
    return tops - set(sys.stdlib_module_names) - {"tools", "host_tests", "__future__"}


def imports(checkout: bool) -> dict[str, set[str]]:
    """Distribution -> the files that import it, of what is installed or of the other rooms."""
    of_module = metadata.packages_distributions()
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "tools").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(NOT_OURS) or name.startswith(CHECKOUT_ONLY) != checkout:
            continue
        for module in imported(path):
            for distribution in of_module.get(module, [module]):
                found.setdefault(canonical(distribution), set()).add(name)
    return found


def test_every_package_that_the_tools_import_is_declared_and_no_other() -> None:
    needed = imports(checkout=False)
    assert needed.keys() - declared("dependencies") == set(), needed
    assert declared("dependencies") - needed.keys() - NOT_IMPORTED == set()


def test_what_the_checkout_alone_imports_comes_with_the_environment_of_tests() -> None:
    needed = imports(checkout=True)
    assert needed.keys() - declared("dependencies") - declared("test") == set(), needed
    assert declared("dependencies") & declared("test") == set()


def test_a_reader_of_a_completion_that_has_enough_is_no_traceback() -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m tools.alink completion bash | true"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.stderr == ""
