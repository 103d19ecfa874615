"""Packages by what people call them: a product, a module, a version, perhaps a source."""

from __future__ import annotations

import argparse
from typing import Any

from tools.cli import Refused
from tools.cloud.operator import arguments
from tools.cloud.operator.show import Row
from tools.cloud.ota.tasks import DEFAULT_MODULE, newest
from tools.cloud.platform.api import Api

STATUS = {-1: "needs none", 0: "unverified", 1: "verified", 2: "verifying", 3: "failed"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """PRODUCT_KEY VERSION, --module, --from."""
    arguments.release(parser)
    arguments.source(parser)


def packages(api: Api, product_key: str, version: str | None = None) -> list[Row]:
    """Packages of a product, the newest first."""
    found = api.pages(
        "ListOTAFirmware",
        "FirmwareInfo",
        "SimpleFirmwareInfo",
        ProductKey=product_key,
        DestVersion=version,
    )
    return [_row(one) for one in found]


def package(
    api: Api,
    product_key: str,
    version: str,
    module: str = DEFAULT_MODULE,
    source: str | None = None,
) -> Row:
    """One package. Raises Refused."""
    for row in packages(api, product_key, version):
        if (row["module"], row["from"]) == (module, source):
            return row
    what = "" if module == DEFAULT_MODULE else f" of module {module}"
    there = [row["version"] for row in packages(api, product_key) if row["module"] == module]
    has = f"It has {newest(there[::-1])}; " if there else ""
    raise Refused(
        f"{product_key} has no package {version}{what}" + (f" from {source}" if source else ""),
        f"{has}`release list` shows what there is; `release publish` makes one.",
    )


def named(api: Api, options: argparse.Namespace) -> Row:
    """The package that add_arguments() has the words for. Raises Refused."""
    return package(api, options.product_key, options.version, options.module, options.source)


def _row(said: dict[str, Any]) -> Row:
    return {
        "version": said.get("DestVersion"),
        "module": said.get("ModuleName") or DEFAULT_MODULE,
        "from": said.get("SrcVersion") if said.get("Type") == 1 else None,
        "verification": STATUS.get(int(said.get("Status") or 0), "unknown"),
        "size": said.get("FirmwareSize"),
        "name": said.get("FirmwareName"),
        "created": said.get("UtcCreate"),
        "package": said.get("FirmwareId"),
    }
