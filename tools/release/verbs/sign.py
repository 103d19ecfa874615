"""`image.py sign`: the digestsign of a file, and the key for it."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from tools.cli import Refused, as_json, json_option, worded
from tools.places import read_input

NAME = "sign"
HELP = "the digestsign of a file; make the key for it"
EXAMPLES = """\
image.py sign --new-key private.pem
image.py sign --key private.pem release-1.1.0.bin
image.py sign --key private.pem release-1.1.0.bin --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--key", type=Path, help="private key (RSA-2048), PEM or DER")
    which.add_argument(
        "--new-key",
        type=Path,
        metavar="FILE",
        help="make a key pair: FILE for you alone, its public part beside it for the boards",
    )
    parser.add_argument("file", type=Path, nargs="?")
    json_option(parser)


def run(options: argparse.Namespace) -> int:
    """0 when key and signature were made. Raises Refused, OSError."""
    from tools import signing  # slow to load

    made = {}
    if options.new_key is not None:
        public = signing.new_key(options.new_key)
        made = {
            "private_key": str(options.new_key),
            "public_key": str(public),
            "fingerprint": signing.fingerprint(signing.load_public(public)),
        }
        if not options.json:
            print(f"private key  {options.new_key} (keep it off boards and servers; back it up)")
            print(worded(f"public key   {public}: flash.py provision --sign-key {public}"))
            print(f"fingerprint  {made['fingerprint']}")
        elif options.file is None:
            print(as_json(made))
        if options.file is None:
            return 0
    elif options.file is None:
        raise Refused("no file to sign", "Name the image behind the key.")
    key = signing.load_private(options.key or options.new_key)
    data = read_input(options.file)
    if not data:
        raise Refused(f"{options.file} is empty", "Name a release, as image.py build makes it.")
    signed = {}
    for method, name in signing.METHODS.items():
        digest = hashlib.new(name, data).digest()
        signed[method] = {"sign": digest.hex(), "digestsign": signing.digestsign(key, digest)}
    if options.json:
        print(as_json({**made, **signed}))
        return 0
    for method, fields in signed.items():
        print(f"signMethod  {method}")
        for field, text in fields.items():
            print(f"{field:11} {text}")
    return 0
