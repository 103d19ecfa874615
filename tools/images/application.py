"""A folder of the user's application and the alink package -> the files of the volume."""

import argparse
import ast
import contextlib
import hashlib
import re
import tokenize
import zlib
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from marshal import dumps, loads
from pathlib import Path

from tools.cli import Refused
from tools.images.compile import compile_mpy
from tools.images.compiled_cache import kept
from tools.images.features import left_out, packed, used
from tools.images.hidden import hiding
from tools.images.homes import homes, moved, spoken
from tools.images.machine import (
    PACKETS,
    PACKETS_BYTECODE,
    SUMS,
    SUMS_MODULE,
    apart,
    packets,
    sums,
)
from tools.images.processor import check_mpy, of_chip
from tools.images.program import NAME, compile_program
from tools.images.short_texts import unnamed
from tools.images.shorten import parse, shorten
from tools.texts import decoded, is_name

ROOT = Path(__file__).resolve().parents[2]
ALINK = ROOT / "micropython" / "alink"
LOADER_COPY = "/boot.py.z"
LOADER = ROOT / "micropython" / "boot.py"
MAIN_TEMPLATE = Path(__file__).with_name("main_template.py")
END_TEMPLATE = Path(__file__).with_name("end_template.py")

# The platform's own rule for a version ("OTA updates" (89307)).
_VERSION = re.compile(r"[A-Za-z0-9._-]{1,64}")
_VERSION_LINE = re.compile(rb'VERSION = "([A-Za-z0-9._-]{1,64})"\n')
_DIGEST_LINE = "# sha256 of the files: {}\n"

# What an application folder must not hold, since the board would run or read it instead of ours.
_RESERVED = {
    "/main.mpy": "the image already has a generated main.py; keep your program in main.py",
    "/app_main.py": "your main.py gets that name in the image; rename this file",
    "/app_main.mpy": "your main.py gets that name in the image; rename this file",
    "/app_end.py": "image.py writes a file of that name; rename this one",
    "/app_end.mpy": "image.py writes a file of that name; rename this one",
    "/version.py": "it is written from --version; remove it and import VERSION as before",
    "/version.mpy": "it is written from --version; remove it and import VERSION as before",
    "/boot.py": "the image carries alink's loader under that name; put start-up code in main.py",
    "/boot.py.z": "the image carries alink's loader under that name; rename this file",
    "/boot.mpy": "the image carries alink's loader under that name; put start-up code in main.py",
}
# What stays out of an image: hidden files, and what editors leave (.#* is hidden too).
_LEFT_OUT = (".*", "*~", "*.swp", "#*#")
# What is packed with a warning: an image is not secret, whoever downloads it reads it.
_SECRET = ("*.pem", "*.key", "*.env", "secrets*")
_ALINK_PLACES = ("/alink", "/lib/alink")


def check_version(version: str) -> None:
    """Raise Refused unless the platform takes `version`."""
    if not _VERSION.fullmatch(version):
        raise Refused(
            f"version {version!r} is not one the platform takes",
            "Use 1 to 64 letters, digits, dots, hyphens and underscores, as in 1.1.0.",
        )


def version_of(files: dict[str, bytes]) -> str | None:
    """The application version that a volume's files state, or None."""
    match = _VERSION_LINE.match(files.get("/version.py", b""))
    return match.group(1).decode() if match else None


def files_intact(files: dict[str, bytes]) -> bool | None:
    """Whether the files are those that were built; None where no digest is stated.

    LittleFS protects its directories with a CRC, but not what is in the files; and the hash of the
    ESP32 image ends before the volume.
    """
    match = _VERSION_LINE.match(files.get("/version.py", b""))
    if not match or match.end() == len(match.string):
        return None
    stated = _DIGEST_LINE.format(_digest(match.group(1).decode(), files))
    return match.string[match.end() :] == stated.encode()


def _digest(version: str, files: dict[str, bytes]) -> str:
    """SHA-256 over the version and over path, length and content of every other file."""
    digest = hashlib.sha256(version.encode() + b"\0")
    for path, content in sorted(files.items()):
        if path != "/version.py":
            digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def mentioned(app: Path) -> set[str]:
    """The features of alink (see features.py) that an application's own files mention."""
    sources = []
    for name, path in walk(app, ""):
        if name.endswith((".py", ".mpy")):
            content = path.read_bytes()
            sources.append(content if name.endswith(".mpy") else _source(content, path))
    return used(sources)


def _source(content: bytes, source: Path) -> bytes:
    """Python as MicroPython reads it: UTF-8 without a mark."""
    return decoded(content, source).encode()


def collect(
    app: Path,
    version: str,
    alink: Path = ALINK,
    loader: Path = LOADER,
    features: Iterable[str] | None = None,
    chip: str | None = None,
    processor: str | None = None,
) -> dict[str, bytes]:
    """Every file of the volume: absolute path on it -> content.

    `app` is the user's folder, `alink` the package to embed, `loader` the boot.py to carry along,
    `features` the parts of alink that are packed (None: what the application is likely to need).
    `chip` is what compiled modules have to be for (None: not looked at), `processor` what alink's
    machine code is for (None: the chip's).
    Python files become .mpy; others are taken as they are. Hidden files,
    editors' leftovers, `__pycache__` and .pyc are left out (see `remarks`). Raises Refused,
    with advice, for what cannot work.
    """
    check_version(version)
    if not (app / "main.py").is_file():
        raise Refused(
            f"there is no main.py in {app}",
            "Put the program that the board shall run into a file of that name.",
        )
    if not loader.is_file():
        raise Refused(f"there is no loader at {loader}", "Give its path with --loader.")
    files: dict[str, bytes] = {}
    for path, source in walk(app, ""):
        _check_name(path, source)
        content = source.read_bytes()
        if path.endswith(".py"):
            content = _source(content, source)
        if path == "/main.py":
            path, content = f"/{NAME}.mpy", compile_program(content, "app/main.py", source)
        elif path.endswith(".py"):
            content = compile_mpy(content, f"app{path}", source)
            path = path[:-3] + ".mpy"
        elif path.endswith(".mpy"):
            check_mpy(content, source, chip)
        _add(files, path, content, source)
    kept = set(packed(mentioned(app)) if features is None else features)
    if processor is None and chip is not None:
        processor = of_chip(chip)
    for path, content in package(alink, kept, processor, packets_too=apart(chip)).items():
        _add(files, path, content, alink)
    files["/main.py"] = MAIN_TEMPLATE.read_bytes()
    files["/app_end.mpy"] = compile_mpy(END_TEMPLATE.read_bytes(), "app_end", END_TEMPLATE)
    files[LOADER_COPY] = _packed(loader.read_bytes())
    stated = f'VERSION = "{version}"\n' + _DIGEST_LINE.format(_digest(version, files))
    files["/version.py"] = stated.encode()
    return dict(sorted(files.items()))


def _packed(loader: bytes) -> bytes:
    # For the day on which somebody deletes the board's own: 5 KB less than as it is. The window
    # is memory of the board.
    packer = zlib.compressobj(9, zlib.DEFLATED, 10)
    return packer.compress(loader) + packer.flush()


def package(
    alink: Path,
    features: Iterable[str],
    processor: str | None = None,
    *,
    packets_too: bool = False,
) -> dict[str, bytes]:
    """The files of alink as they stand in the volume's root, where a look-up is shortest.

    `processor`: what machine code is for (None: there is none, and all is for any processor).
    `packets_too`: for a chip where that spares memory, see machine.py.

    Their tracebacks name them as homes.spoken() says.
    """
    sources = {}
    for path, source in walk(alink, ""):
        content = source.read_bytes()
        if not path.endswith(".py"):
            continue
        if path.count("/") > 1 and path.endswith("/__init__.py") and not _does_anything(content):
            continue  # a folder is a package for MicroPython without it
        sources[f"alink{path[:-3]}"] = content
    original = sources.get(SUMS, b"")
    origins = {new: old for old, new in homes(list(sources)).items()}
    # All of the package, whatever is packed: a module is the same in every image.
    with contextlib.suppress(SyntaxError, tokenize.TokenError, ValueError):
        # What CPython cannot read is left to MicroPython's compiler, and its names as they are.
        sources = _shortened(tuple(sources.items()))
    files = {}
    for path, content in sources.items():
        origin = f"{origins.get(path, path).removeprefix('alink/')}.py"
        if left_out(origin, features):
            continue
        module = spoken(path)
        # Its line numbers would be 900 bytes of an idle board's RAM; an application keeps its own.
        files[f"/{path}.mpy"] = compile_mpy(content, module, alink / origin, numbered=False)
        if not processor:
            continue
        if f"alink/{origin}" == f"{SUMS}.py":
            code = sums(original, alink / origin, processor)
            if code is not None:
                files[f"/{SUMS_MODULE}.mpy"] = code
        elif f"alink/{origin}" == f"{PACKETS}.py" and packets_too:
            files[f"/{PACKETS_BYTECODE}.mpy"] = files[f"/{path}.mpy"]
            files[f"/{path}.mpy"] = packets(content, module, alink / origin, processor)
    return files


@lru_cache(maxsize=2)
def _shortened(sources: tuple[tuple[str, bytes], ...]) -> dict[str, bytes]:
    # A second of work, the same for each image that is built of the same alink.
    loader = LOADER.read_bytes()
    of = (part for name, source in sources for part in (name.encode(), source))
    shortened: dict[str, bytes] = loads(
        kept(lambda: dumps(unnamed(shorten(moved(dict(sources))), loader)), *of, loader)
    )
    return shortened


def _does_anything(source: bytes) -> bool:
    """Whether there is more than comments and a docstring, as far as CPython can tell."""
    try:
        body = parse(source).body
    except SyntaxError:
        return True
    return any(
        not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant) for node in body
    )


def walk(folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    """(path on the volume, file) for every file below `folder`, in a fixed order."""
    for path, entry, taken in _entries(folder, prefix):
        if taken:
            yield path, entry


def remarks(folder: Path) -> list[str]:
    """What a person should know who packs `folder`: one line each, without a full stop."""
    found = list(_entries(folder, ""))
    left = [path[1:] for path, _, taken in found if not taken]
    said = [f"left out: {', '.join(left)}"] if left else []
    for path, entry, taken in found:
        if taken and any(fnmatchcase(entry.name.lower(), shape) for shape in _SECRET):
            said.append(
                f"warning: {path[1:]} looks like a secret, and IS PACKED: everybody who gets the "
                "file can read it. Move it out of the folder; settings go to NVS (flash.py "
                "provision)"
            )
    return said


def check_hiding(app: Path, meant: Sequence[str]) -> None:
    """Raise Refused for a module of an application that has the name of one of the firmware's,
    unless it is meant: by the names of --hides.
    """
    if not app.is_dir():
        return  # what is wrong with it is told by who packs it
    found = hiding(path for path, _ in walk(app, ""))
    for name, what in found.items():
        if name not in meant:
            raise Refused(what, f"Rename it. If it is meant to be there, add --hides {name}.")
    for name in meant:
        if name not in found:
            raise Refused(
                f"--hides {name}: the application has no module that hides the firmware's {name}",
                "Correct the name, or leave it out.",
            )


def hides_option(parser: argparse.ArgumentParser) -> None:
    """--hides, of what packs an application."""
    parser.add_argument(
        "--hides",
        action="append",
        default=[],
        metavar="NAME",
        help="the application's module NAME may have the name of one of the firmware's "
        "(repeatable): it extends it, as time.py with `from utime import *`",
    )


def _entries(folder: Path, prefix: str) -> Iterator[tuple[str, Path, bool]]:
    """(path on the volume, file, whether it is packed), but nothing of what Python leaves."""
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        name = entry.name
        if name == "__pycache__" or name.endswith(".pyc"):
            continue
        path = f"{prefix}/{name}"
        if any(fnmatchcase(name, shape) for shape in _LEFT_OUT):
            yield path, entry, False
        elif entry.is_dir():
            if entry.is_symlink():
                raise Refused(
                    f"{entry} is a link to a folder", "Copy the folder's files to that place."
                )
            yield from _entries(entry, path)
        else:
            yield path, entry, True


def _check_name(path: str, source: Path) -> None:
    if not is_name(path):
        raise Refused(
            f"{source.parent} holds a file whose name is no plain text: {source.name!a}",
            "Rename it.",
        )
    if path in _RESERVED:
        raise Refused(f"{source} cannot be part of an application", f"{_RESERVED[path]}.")
    folder = path.split("/")[1]
    if path != f"/{folder}" and f"/{folder}.mpy" in _RESERVED:  # a package goes before a module
        raise Refused(
            f"{source} cannot be part of an application",
            f"Its folder would hide {folder}.mpy: rename it.",
        )
    if any(
        path == f"{place}{end}" or path.startswith(place + "/")
        for place in _ALINK_PLACES
        for end in ("", ".py", ".mpy")
    ):
        raise Refused(
            f"{source} would hide the alink package",
            "image.py embeds alink by itself: remove your copy, or give it with --alink.",
        )


def _add(files: dict[str, bytes], path: str, content: bytes, source: Path) -> None:
    if path in files:
        raise Refused(
            f"{source} and another file both become {path}",
            "Keep either the .py or the .mpy.",
        )
    files[path] = content
