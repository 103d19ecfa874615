"""`release publish`: upload files and make a package of them."""

from __future__ import annotations

import argparse
import hashlib
import re
from pathlib import Path
from typing import Any

from tools.cli import Refused
from tools.cloud.operator import arguments, show
from tools.cloud.ota.tasks import DEFAULT_MODULE, check_names
from tools.cloud.platform import packages, place, post_object
from tools.cloud.platform.api import Api
from tools.places import check_input

NAME = "release publish"
HELP = "upload a file, or several, and make a package of them"
EXAMPLES = """\
python -m tools.cloud --at cn-shanghai release publish a1B2c3D4e5F 1.1.0 build/app-1.1.0.bin
python -m tools.cloud --at desk release publish a1B2c3D4e5F 1.1.1 from-1.1.0.alp --from 1.1.0
python -m tools.cloud --at desk release publish a1B2c3D4e5F 7 page.gz t.bin --module assets"""

_FILES_MAX, _SIZE_MAX, _NAME_CHARS = 20, 1000 * 1024 * 1024, 32
_PACKAGE_CHARS = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    packages.add_arguments(parser)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help=f"1 to {_FILES_MAX}")
    parser.add_argument(
        "--sign-method", choices=("MD5", "SHA256"), default="MD5", help="digest (default: MD5)"
    )
    parser.add_argument(
        "--no-verify",
        action="store_true",
        help="let it go to many devices without `release verify` first",
    )
    parser.add_argument(
        "--name", help="of the package (default: made of product, module and version)"
    )
    parser.add_argument("--desc", metavar="TEXT", help="up to 100 characters")
    parser.add_argument("--udi", metavar="TEXT", help="custom information for the devices")
    parser.add_argument(
        "--new-module", action="store_true", help="make the module if the product has none such"
    )
    arguments.force(parser)


def run(options: argparse.Namespace) -> int:
    """0 when the package is there. Raises Refused."""
    check_names(options.version, options.module)
    files: list[Path] = options.files
    _check(files, options.source)
    if len(files) == 1 and not options.source and options.module == DEFAULT_MODULE:
        from tools.release import check_offer  # slow to load

        content = files[0].read_bytes()
        show.cautioned(
            options, check_offer(content, options.version, str(files[0]), force=options.force)
        )
    api = place.connect(options)
    _module(api, options)
    urls = [_uploaded(api, file, options) for file in files]
    fields: dict[str, Any] = {"FirmwareUrl": urls[0]}
    if len(files) > 1:
        named = zip(files, urls, strict=True)
        fields = {"MultiFiles": [{"Name": file.name, "Url": url} for file, url in named]}
    name = options.name or _name(options)
    made = api.call(
        "CreateOTAFirmware",
        ProductKey=options.product_key,
        DestVersion=options.version,
        SrcVersion=options.source,
        Type=1 if options.source else 0,
        FirmwareName=name,
        ModuleName=None if options.module == DEFAULT_MODULE else options.module,
        SignMethod=options.sign_method,
        NeedToVerify=not options.no_verify,
        FirmwareDesc=options.desc,
        Udi=options.udi,
        **fields,
    )["Data"]
    show.one(
        options,
        {
            "package": made["FirmwareId"],
            "name": name,
            "version": options.version,
            "module": options.module,
            "from": options.source,
            "size": sum(file.stat().st_size for file in files),
        },
    )
    return 0


def _check(files: list[Path], source: str | None) -> None:
    if len(files) > _FILES_MAX:
        raise Refused(f"a package of {len(files)} files", f"Use 1 to {_FILES_MAX}.")
    if source and len(files) > 1:
        raise Refused("a differential package of several files", "Use one.")
    names = [file.name for file in files]
    if len(set(names)) < len(names):
        raise Refused("two files of the package have one name", "Rename one.")
    for file in files:
        check_input(file)
        if not 0 < file.stat().st_size <= _SIZE_MAX:
            raise Refused(
                f"{file} has {file.stat().st_size} bytes", f"The platform takes 1 to {_SIZE_MAX}."
            )
        if len(files) > 1 and len(file.name) > _NAME_CHARS:
            raise Refused(
                f"the name {file.name} is too long", f"Use up to {_NAME_CHARS} characters."
            )


def _module(api: Api, options: argparse.Namespace) -> None:
    if options.module == DEFAULT_MODULE:
        return
    there = api.call("ListOTAModuleByProduct", ProductKey=options.product_key).get("Data") or []
    if any(one["ModuleName"] == options.module for one in there):
        return
    if not options.new_module:
        raise Refused(
            f"{options.product_key} has no module {options.module}",
            "Correct the name, or add --new-module.",
        )
    api.call("CreateOTAModule", ProductKey=options.product_key, ModuleName=options.module)


def _uploaded(api: Api, file: Path, options: argparse.Namespace) -> str:
    data = api.call("GenerateOTAUploadURL", FileSuffix=post_object.suffix_of(file))["Data"]
    with show.bar(options, file.name, file.stat().st_size) as told:
        post_object.upload(data, file, told, direct=api.desk)
    return str(data["FirmwareUrl"])


def _name(options: argparse.Namespace) -> str:
    """A name that no other package of the account has: also not that of another product."""
    text = "-".join(
        part
        for part in (options.product_key, options.module, options.version, options.source)
        if part
    )
    name = re.sub(r"[^A-Za-z0-9_()-]", "_", text)
    if len(name) <= _PACKAGE_CHARS:
        return name
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{name[: _PACKAGE_CHARS - 9]}-{digest}"
