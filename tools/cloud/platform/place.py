"""--at: the stand-in of this folder, or a region of the platform, perhaps an instance there.

Keys of the platform come from where its SDKs look: ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET, or a
profile of the aliyun command. Never from an option: those are in the shell's history.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from tools.cli import Refused
from tools.cloud import control
from tools.cloud.openapi.keys import access_key
from tools.cloud.platform.api import Api

DESK = "desk"
_REGION = re.compile(r"[a-z]{2,4}-[a-z0-9-]+")
_TIMEOUT_MS = 20_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to: --at and --folder."""
    parser.add_argument(
        "--at",
        default=DESK,
        metavar="PLACE",
        help="desk (the stand-in that runs in --folder), REGION or REGION/INSTANCE "
        "(default: desk)",
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(".cloud"), help="of the stand-in (default: .cloud)"
    )


def connect(options: argparse.Namespace) -> Api:
    """What --at means. Raises Refused."""
    if options.at == DESK:
        return _desk(options.folder)
    region, _, instance = options.at.partition("/")
    if not _REGION.fullmatch(region):
        raise Refused(
            f"--at {options.at} is no place", "Use desk, or a region such as cn-shanghai."
        )
    return Api(_client(region_id=region, credential=_credential()), region, instance or None)


def _desk(folder: Path) -> Api:
    running = control.need(folder, "snapshot", ", or name a region with --at")
    key = access_key(folder)
    client = _client(
        access_key_id=key.id,
        access_key_secret=key.secret,
        endpoint=running["api"],
        protocol="http",
        # A stand-in is on this machine: no proxy of the environment may see its calls.
        no_proxy=running["api"].rpartition(":")[0],
    )
    return Api(client, "the stand-in", desk=True)


def _client(**config: Any) -> Any:
    from alibabacloud_iot20180120.client import Client
    from alibabacloud_tea_openapi.models import Config

    return Client(Config(read_timeout=_TIMEOUT_MS, connect_timeout=_TIMEOUT_MS, **config))


def _credential() -> Any:
    from alibabacloud_credentials import provider
    from alibabacloud_credentials.client import Client
    from alibabacloud_credentials.exceptions import CredentialException

    # The SDK's own chain without its last link, which asks the network of a cloud server for a
    # role: on a desk that is a wait for nothing, and a server can have a profile that says so.
    for kind in (
        provider.EnvironmentVariableCredentialsProvider,
        provider.CLIProfileCredentialsProvider,
        provider.ProfileCredentialsProvider,
    ):
        try:
            made = kind()
            if made.get_credentials() is not None:
                return Client(provider=made)
        except CredentialException:
            continue
    raise Refused(
        "there is no access key for the platform",
        "Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or make a "
        "profile with `aliyun configure`.",
    )
