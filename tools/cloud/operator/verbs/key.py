"""`key`: what calls of the stand-in's API are signed with."""

from __future__ import annotations

import argparse

from tools.cloud.openapi.keys import access_key
from tools.cloud.operator import show
from tools.cloud.operator.folder import check_begun

NAME = "key"
HELP = """\
what programs sign their calls of the API with

Print the access key of this folder, for programs that use the platform's SDK. The commands with \
--at desk find it by themselves. It is made once; who has it may do what those commands do."""
EXAMPLES = """\
python -m tools.cloud key
eval "$(python -m tools.cloud key)"    for programs that are started here"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(options: argparse.Namespace) -> int:
    """0: two lines that a shell can read."""
    check_begun(options.folder)
    key = access_key(options.folder)
    show.said(
        options,
        {"access_key_id": key.id, "access_key_secret": key.secret},
        f"export ALIBABA_CLOUD_ACCESS_KEY_ID={key.id}",
        f"export ALIBABA_CLOUD_ACCESS_KEY_SECRET={key.secret}",
    )
    return 0
