#!/usr/bin/env python3
"""Make an image of a firmware and an application, or an archive of files; pack, inspect, sign.

    python -m tools.image build --firmware STOCK.bin --app DIR --version 1.1.0 -o OUT
    python -m tools.image pack FILE [--from OLD] -o OUT
    python -m tools.image inspect FILE [--from OLD] [--json]
    python -m tools.image files --dir DIR -o assets.tar.gz
    python -m tools.image sign --key PRIVATE.pem FILE [--json]
    python -m tools.image sign --new-key PRIVATE.pem
    python -m tools.image explain [CONSOLE.txt]

Exit codes: 0 done (inspect: sound), 1 refused (inspect: something is invalid), 2 wrong usage.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

if __name__ == "__main__" and not __package__:  # run as a file: python tools/image.py
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.cli import Refused
from tools.images import (
    BLOCK_SIZE,
    SLOT_SIZE,
    Report,
    as_text,
    build_image,
    check_version,
    examine,
)
from tools.images.age import age_warning
from tools.images.application import ALINK, LOADER, mentioned, remarks
from tools.images.features import FEATURES, packed, told
from tools.places import check_output, read_input
from tools.release import WBITS, build_archive, pack_verb
from tools.release.explain import explainer
from tools.release.package_format import is_package
from tools.release.package_report import PackageReport, examine_package, package_text

_EXAMPLES = """\
examples:
  image.py build --firmware ESP32_GENERIC.bin --app my_app --version 1.1.0 -o release-1.1.0.bin
  image.py pack release-1.1.0.bin --from release-1.0.0.bin -o from-1.0.0.alp
  image.py inspect release-1.1.0.bin
  image.py files --dir web -o assets.tar.gz
  image.py sign --new-key private.pem
  image.py sign --key private.pem release-1.1.0.bin
  image.py explain console.txt

image.py COMMAND --help tells a command's options.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = _parser()
    if not (sys.argv[1:] if arguments is None else arguments):
        parser.print_help(sys.stderr)
        return 2
    options = parser.parse_args(arguments)
    try:
        commands = {
            "build": _build,
            "pack": _pack,
            "files": _files,
            "inspect": _inspect,
            "sign": _sign,
            "explain": _explain,
        }
        return commands[options.command](options)
    except Refused as exc:
        print(f"image: {exc}", file=sys.stderr)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read this has enough
    except OSError as exc:
        print(f"image: {exc.filename or 'output'}: {exc.strerror}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="image.py",
        description=(__doc__ or "").split("\n")[0],
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="firmware + application -> one file to download")
    build.add_argument("--firmware", type=Path, required=True, help="stock .bin or .app-bin")
    build.add_argument("--app", type=Path, required=True, help="folder with your main.py")
    build.add_argument("--version", required=True, help="1 to 64 of letters, digits, . - _")
    build.add_argument("-o", "--output", type=Path, required=True, help="file to write")
    build.add_argument("--chip", default="esp32", help="what the image is for (%(default)s)")
    build.add_argument(
        "--block-size", type=_number, default=BLOCK_SIZE, help="of LittleFS (%(default)s)"
    )
    build.add_argument(
        "--slot-size", type=_number, default=SLOT_SIZE, help="bytes, 0x.. too (%(default)s)"
    )
    build.add_argument(
        "--with",
        type=_features,
        default=[],
        dest="keep",
        metavar="PART,..",
        help=f"parts of alink to pack: {', '.join(FEATURES)} (default: those that it may need)",
    )
    build.add_argument(
        "--without",
        type=_features,
        default=[],
        dest="leave",
        metavar="PART,..",
        help="parts of alink to leave out",
    )
    build.add_argument("--alink", type=Path, default=ALINK, help="package folder to embed")
    build.add_argument("--loader", type=Path, default=LOADER, help="boot.py to carry along")
    pack_verb.add_parser(commands)
    inspect = commands.add_parser("inspect", help="what a file is, and whether it is sound")
    inspect.add_argument("file", type=Path)
    inspect.add_argument(
        "--from",
        type=Path,
        dest="source",
        metavar="OLD.bin",
        help="of a difference: the image that it starts from",
    )
    inspect.add_argument("--json", action="store_true", help="for programs")
    files = commands.add_parser("files", help="folder -> archive for a module that is files")
    files.add_argument("--dir", type=Path, required=True, help="folder with the files")
    files.add_argument("-o", "--output", type=Path, required=True, help="file to write")
    files.add_argument(
        "--wbits",
        type=int,
        choices=range(9, 16),
        default=WBITS,
        metavar="9..15",
        help="the board needs 2 ** WBITS bytes of RAM to unpack it (%(default)s)",
    )
    sign = commands.add_parser("sign", help="the digestsign of a file; make the key for it")
    which = sign.add_mutually_exclusive_group(required=True)
    which.add_argument("--key", type=Path, help="private key (RSA-2048), PEM or DER")
    which.add_argument(
        "--new-key",
        type=Path,
        metavar="FILE",
        help="make a key pair: FILE for you alone, its public part beside it for the boards",
    )
    sign.add_argument("file", type=Path, nargs="?")
    sign.add_argument("--json", action="store_true", help="for programs")
    explain = commands.add_parser(
        "explain",
        help="a board's traceback with the names of alink's sources",
        description="In an image alink's modules and functions have short names. This puts those "
        "of the sources into a console's text.",
    )
    explain.add_argument("file", type=Path, nargs="?", help="the text (default: standard input)")
    explain.add_argument(
        "--alink", type=Path, default=ALINK, help="package folder that the image was built with"
    )
    return parser


def _number(text: str) -> int:
    return int(text, 0)


def _features(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in FEATURES:
            offered = ", ".join(FEATURES)
            raise argparse.ArgumentTypeError(f"there is no {name!r}: choose from {offered}")
    return names


def _build(options: argparse.Namespace) -> int:
    check_version(options.version)
    found = mentioned(options.app) if options.app.is_dir() else set()
    features = packed(found, options.keep, options.leave)
    check_output(options.output, (options.firmware, options.app, options.alink, options.loader))
    with _progress(f"building {options.output}"):
        data = build_image(
            read_input(options.firmware),
            options.app,
            options.version,
            chip=options.chip,
            block_size=options.block_size,
            slot_size=options.slot_size,
            alink=options.alink,
            loader=options.loader,
            features=features,
        )
        _write(options.output, data)
    _remark(options.app)
    warning = age_warning(data)
    if warning:
        print(f"warning: {warning}", file=sys.stderr)
    report = examine(data)
    volume = report.volume.size if report.volume else 0
    print(
        f"{options.output}: version {options.version} for {report.image.chip}, {len(data)} bytes "
        f"(firmware {report.image.end}, application {volume}), needs a slot of "
        f"{report.slot_needed} bytes"
    )
    for line in told(found, features):
        print(line, file=sys.stderr if line.startswith("warning") else sys.stdout)
    return 0


def _explain(options: argparse.Namespace) -> int:
    explain = explainer(options.alink)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a console may hold anything
    if options.file is not None:
        print(explain(read_input(options.file).decode(errors="replace")), end="")
    else:
        for line in sys.stdin.buffer:
            print(explain(line.decode(errors="replace")), end="", flush=True)
    return 0


def _pack(options: argparse.Namespace) -> int:
    return pack_verb.run(options, _write)


def _files(options: argparse.Namespace) -> int:
    check_output(options.output, (options.dir,))
    data = build_archive(options.dir, options.wbits)
    _write(options.output, data)
    _remark(options.dir)
    print(f"{options.output}: {len(data)} bytes, for FilesTarget(.., wbits={options.wbits})")
    return 0


def _remark(folder: Path) -> None:
    for line in remarks(folder):
        print(line, file=sys.stderr)


def _write(path: Path, data: bytes) -> None:
    """The file appears whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _progress(text: str) -> Iterator[None]:
    """A spinner while the compiler runs, on a terminal only."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def _inspect(options: argparse.Namespace) -> int:
    data = read_input(options.file)
    source = read_input(options.source) if options.source is not None else None
    report: Report | PackageReport
    if is_package(data):
        report = examine_package(data, source)
    elif source is not None:
        raise Refused(
            f"{options.file} is no package", "--from is for packages: leave it out for an image."
        )
    else:
        report = examine(data)
    if options.json:
        print(json.dumps(report.as_json(), indent=2))
    elif isinstance(report, PackageReport):
        print(package_text(report))
    else:
        print(as_text(report))
    return 1 if report.problems else 0


def _sign(options: argparse.Namespace) -> int:
    from tools import signing  # slow to load

    try:
        return _sign_with(signing, options)
    except Refused as exc:
        raise Refused(exc.cause, exc.advice) from None


def _sign_with(signing: ModuleType, options: argparse.Namespace) -> int:
    if options.new_key is not None:
        public = signing.new_key(options.new_key)
        print(f"private key  {options.new_key} (keep it off boards and servers; back it up)")
        print(f"public key   {public}: flash.py provision --sign-key {public}")
        print(f"fingerprint  {signing.fingerprint(signing.load_public(public))}")
        if options.file is None:
            return 0
    elif options.file is None:
        raise Refused("no file to sign", "Name the image behind the key.")
    key = signing.load_private(options.key or options.new_key)
    data = read_input(options.file)
    signed = {}
    for method, name in signing.METHODS.items():
        digest = hashlib.new(name, data).digest()
        signed[method] = {"sign": digest.hex(), "digestsign": signing.digestsign(key, digest)}
    if options.json:
        print(json.dumps(signed, indent=2))
    else:
        for method, fields in signed.items():
            print(f"signMethod  {method}")
            for field, text in fields.items():
                print(f"{field:11} {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
