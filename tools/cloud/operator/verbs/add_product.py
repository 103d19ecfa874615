"""`product add`: a product whose devices get their secret on first contact."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, show
from tools.cloud.operator.folder import CloudFolder, beginning

NAME = "product add"
HELP = """\
let devices of a product get their secret on first contact

Give a product a secret, with which its devices register (dynamic registration). Once more with \
--registration off: they may no longer."""
EXAMPLES = """\
python -m tools.cloud product add a1B2c3D4e5F
python -m tools.cloud device add a1B2c3D4e5F greenhouse_07   lists a device"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.product(parser)
    parser.add_argument(
        "--secret", help="the product's secret (default: the known one, or random)"
    )
    parser.add_argument(
        "--registration", choices=("on", "off"), default="on", help="(default: on)"
    )


def run(options: argparse.Namespace) -> int:
    """0 when the product is there. Raises Refused."""
    with beginning(options.folder):
        book = CloudFolder(options.folder, make=True).book
        on = options.registration == "on"
        secret = book.add_product(options.product_key, options.secret, on)
    show.said(
        options,
        {
            "product": options.product_key,
            "registration": on,
            "secret": secret,
        },
        f"product     {options.product_key}, dynamic registration {options.registration}",
        f"secret      {secret}",
    )
    return 0
