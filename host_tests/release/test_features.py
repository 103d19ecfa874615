"""Parts of alink that an image goes without: which, who decides, what is said, what is left."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from host_tests.kit import firmware_files
from tools.cli import Refused
from tools.image import main
from tools.images import find_volume, read_files
from tools.images.application import ALINK, collect, mentioned
from tools.images.features import FEATURES, left_out, packed, takes_packages, told
from tools.images.homes import of

SOURCES = sorted(str(path.relative_to(ALINK)) for path in ALINK.rglob("*.py"))


def application(folder: Path, text: str = "", **files: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "main.py").write_text(text)
    for name, content in files.items():
        (folder / name.replace("_mpy", ".mpy")).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from alink import Device, Updater\n", set()),
        ("from alink import Updater, FilesTarget\n", {"files"}),
        ("import alink\nfiles = alink.FilesTarget('/assets')\n", {"files"}),
        ("from alink.files.files import FilesTarget as F\n", {"files"}),
        ("from alink import registration\n", {"registration"}),
        ("import alink.signin.registration\n", {"registration"}),
        ("from alink import setup\ndevice = setup.device(settings)\n", {"registration"}),
        ("Updater(device, VERSION, sign_key=KEY)\n", {"signature"}),
        ("Updater(device, VERSION, block_size=65536)\n", {"blocks"}),
        ("from alink.job.http import HttpSource\n", {"sources"}),
        ("import alink.job.download\n", {"sources"}),
        ("from alink import job\n", {"sources"}),
        ("files = open('files')\nregistrations = 1\nsource = job.http\n", set()),
    ],
)
def test_what_an_application_needs_is_read_in_its_sources(
    text: str, found: set[str], tmp_path: Path
) -> None:
    assert mentioned(application(tmp_path / "app", text)) == found


def test_it_is_looked_for_in_every_module_also_in_compiled_ones(tmp_path: Path) -> None:
    app = application(tmp_path / "app", "import more\n", more_mpy=b"M\x06\0\x1f..FilesTarget\0..")
    (app / "lib" / "own").mkdir(parents=True)
    (app / "lib" / "own" / "__init__.py").write_text("from alink import registration\n")
    (app / ".git").mkdir()
    (app / ".git" / "old.py").write_text("sign_key=1")
    (app / "notes.txt").write_text("block_size")
    assert mentioned(app) == {"files", "registration"}


def test_the_reference_application_gets_all_that_it_offers(tmp_path: Path) -> None:
    source = (ALINK.parent / "main.py").read_text()
    app = application(tmp_path / "app", source)
    assert packed(mentioned(app)) == {"registration", "blocks", "packages", "signature"}
    source = (ALINK.parent / "examples" / "on_asyncio.py").read_text()
    app = application(tmp_path / "tasks", source)
    assert packed(mentioned(app)) == {"asyncio", "registration", "blocks", "packages", "signature"}


def test_what_is_asked_for_from_outside_stays_until_a_person_says_otherwise() -> None:
    assert packed(set()) == {"blocks", "packages", "signature"}
    assert packed({"files"}) == {"files", "blocks", "packages", "signature"}
    assert packed(set(), keep=["registration"]) == {
        "registration",
        "blocks",
        "packages",
        "signature",
    }
    assert packed({"files", "signature"}, leave=["files", "blocks"]) == {"packages", "signature"}
    with pytest.raises(Refused, match="files is to be kept and to be left out"):
        packed(set(), keep=["files"], leave=["files", "blocks"])


def test_every_path_of_a_feature_is_there() -> None:
    for name, feature in FEATURES.items():
        for place in feature.paths + feature.inner:
            assert any(path.startswith(place) for path in SOURCES), (name, place)


def _loaded_at_once(path: str) -> set[str]:
    """The modules of the package that a module imports when it is loaded itself."""
    found = set()
    above = Path(path).parent
    for node in ast.parse((ALINK / path).read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = above if node.level == 1 else above.parent
            base = base / (node.module or "").replace(".", "/")
            found |= {f"{base / alias.name}.py" for alias in node.names} | {f"{base}.py"}
    return found & set(SOURCES)


def test_nothing_that_stays_loads_what_is_left_out() -> None:
    for name in FEATURES:
        kept = set(FEATURES) - {name}
        for path in SOURCES:
            if not left_out(path, kept):
                missing = {other for other in _loaded_at_once(path) if left_out(other, kept)}
                assert not missing, (name, path)


def test_an_image_holds_what_was_decided(tmp_path: Path) -> None:
    app = application(tmp_path / "app")
    everything = set(collect(app, "1.0.0", features=FEATURES))
    moved = {new: old for old, new in of(ALINK).items()}
    for name, feature in FEATURES.items():
        files = set(collect(app, "1.0.0", features=set(FEATURES) - {name}))
        gone = {path.removeprefix("/").removesuffix(".mpy") for path in everything - files}
        gone = {f"{moved.get(path, path).removeprefix('alink/')}.py" for path in gone}
        assert files < everything, name
        assert all(path.startswith(feature.paths + feature.inner) for path in gone), (name, gone)
        assert takes_packages(files) == (name != "packages")
    assert takes_packages({"/main.py": b""}) is None, "it may be frozen into the firmware"


def test_a_part_that_is_left_out_can_be_told_by_its_name() -> None:
    moved = set(of(ALINK))
    for feature in FEATURES.values():
        for path in SOURCES:
            if path.startswith(feature.paths):
                assert f"alink/{path.removesuffix('.py')}" not in moved, path


def test_image_py_says_what_it_left_out_and_how_to_keep_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = application(tmp_path / "app", "from alink import Updater\n")
    firmware, out = tmp_path / "firmware.bin", tmp_path / "out.bin"
    firmware.write_bytes(firmware_files.app())

    def build(*options: str) -> tuple[str, str, set[str]]:
        command = ["build", "--firmware", str(firmware), "--app", str(app), "-o", str(out)]
        assert main([*command, "--version", "1.0.0", *options]) == 0
        said = capsys.readouterr()
        data = out.read_bytes()
        volume = find_volume(data)
        assert volume is not None
        files = {path for path in read_files(data[volume.offset :]) if path.startswith("/alink/")}
        lines = [line for line in said.out.splitlines() if line.startswith("without")]
        return "".join(lines), said.err, files

    line, err, files = build()
    assert line == (
        "without: the task for asyncio (asyncio), modules that are sets of files (files), boards "
        "that register themselves (registration), base classes for a source of your own "
        "(sources); --with asyncio,files,registration,sources keeps them"
    )
    assert "/alink/files/files.mpy" not in files
    assert err == ""
    line, err, more = build("--with", "files")
    assert line.endswith("(sources); --with asyncio,registration,sources keeps them")
    assert "/alink/files/files.mpy" in more
    line, err, less = build("--without", "files,registration,blocks,packages,signature")
    every = "asyncio,blocks,files,packages,registration,signature,sources"
    assert line.endswith(f"--with {every} keeps them")
    assert less < files < more
    line, err, _ = build("--with", "asyncio,files,registration,sources")
    assert (line, err) == ("", "")
    (app / "main.py").write_text("from alink import FilesTarget\n")
    line, err, _ = build("--without", "files")
    assert err == "warning: the application mentions files, and it IS LEFT OUT\n"


def test_an_unknown_part_and_one_that_is_asked_for_twice_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = application(tmp_path / "app")
    command = ["build", "--firmware", "x", "--app", str(app), "--version", "1", "-o", "y"]
    with pytest.raises(SystemExit) as ended:
        main([*command, "--without", "files,fish"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert (
        "there is no 'fish': choose from asyncio, files, registration, sources, blocks, packages, "
        "signature" in said
    )
    assert main([*command, "--without", "files", "--with", "files"]) == 1
    assert "Give it once" in capsys.readouterr().err


def test_an_image_with_everything_says_nothing() -> None:
    assert told(set(FEATURES), set(FEATURES)) == []
