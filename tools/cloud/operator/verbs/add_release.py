"""`release add`: files that are offered as a version, or a difference to one."""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.cli import Refused
from tools.cloud.operator import arguments, listing, show
from tools.cloud.operator.folder import CloudFolder, beginning
from tools.cloud.ota import differences
from tools.cloud.ota.tasks import DEFAULT_MODULE, check_names, read
from tools.cloud.store import PackageFile

NAME = "release add"
HELP = """\
offer a file as a version

Offer a file, or several as one package, as a version of a product. A version is never changed. \
With --from: a difference that image.py pack has made, for devices that report that version; all \
others, and those that cannot take it, get the version's file itself. A single file for the \
default module has to be an image that image.py build has made under this version, plain or \
packed; --force takes others."""
EXAMPLES = """\
python -m tools.cloud release add a1B2c3D4e5F 1.1.0 build/app-1.1.0.bin
python -m tools.cloud release add a1B2c3D4e5F 1.1.0 from-1.0.0.alp --from 1.0.0
python -m tools.cloud release add a1B2c3D4e5F 7 web.tar.gz model.bin --module assets"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.product(parser)
    arguments.version(parser)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="1 to 20")
    arguments.module(parser)
    arguments.source(parser)
    parser.add_argument(
        "--sign-method",
        choices=("Md5", "SHA256"),
        help="digest sent to devices (default: Md5; of a difference: as of its version)",
    )
    parser.add_argument(
        "--sign-key", type=Path, metavar="PEM", help="your private key: sign the file (digestsign)"
    )
    arguments.force(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is offered. Raises Refused."""
    check_names(options.version, options.module)
    with beginning(options.folder):
        return _add(options, CloudFolder(options.folder, make=True))


def _add(options: argparse.Namespace, folder: CloudFolder) -> int:
    if options.source is not None:
        return _difference(options, folder)
    if options.module == DEFAULT_MODULE and len(options.files) == 1:
        from tools.release import check_offer  # slow to load

        file = options.files[0]
        content = read(file, "")[1]
        show.cautioned(
            options, check_offer(content, options.version, str(file), force=options.force)
        )
    release = folder.book.add_release(
        folder.files,
        options.product_key,
        options.version,
        options.files,
        options.module,
        options.sign_method or "Md5",
        sign_key=options.sign_key,
    )
    names = [f" {file.name}" if release.further else "" for file in release.files]
    show.said(
        options,
        listing.release_rows(release)[0],
        f"release     {release.version} of {release.product_key}, module {release.module}",
        *(
            _size(file, release.sign_method) + name
            for file, name in zip(release.files, names, strict=True)
        ),
    )
    return 0


def _difference(options: argparse.Namespace, folder: CloudFolder) -> int:
    if len(options.files) > 1:
        raise Refused("a difference is one file", "Add one for each version it starts from.")
    offered = folder.book.release(options.product_key, options.module, options.version)
    if options.sign_method not in (None, offered.sign_method):
        raise Refused(
            f"differences are offered as their version is, and {options.version} is with "
            f"{offered.sign_method}",
            "Leave --sign-method out.",
        )
    release = differences.add(
        folder.book,
        folder.files,
        options.product_key,
        options.version,
        options.files[0],
        options.source,
        options.module,
        options.sign_key,
    )
    difference = release.difference(options.source)
    assert difference is not None
    file = difference.file
    share = 100 * file.size / release.size
    row = next(one for one in listing.release_rows(release) if one["from"] == options.source)
    known = folder.store.release(options.product_key, options.module, options.source)
    note = (
        f"note        {options.source} was not offered here, so each device has to find out "
        "whether it starts from what it runs"
    )
    show.said(
        options,
        row,
        f"difference  {options.source} -> {release.version} of {release.product_key}, "
        f"module {release.module}",
        _size(file, release.sign_method),
        f"for         devices that report {options.source}: {share:.1f} % of {release.size}",
        *([note] if known is None else []),
    )
    return 0


def _size(file: PackageFile, method: str) -> str:
    digest = file.md5 if method == "Md5" else file.sha256
    return f"size        {file.size} bytes, {method} {digest}"
