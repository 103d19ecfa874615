"""`mosquitto`: the files with which a mosquitto takes the gateway's place."""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.cloud import open_files
from tools.cloud.mqtt import mosquitto
from tools.cloud.operator import arguments, show
from tools.cloud.operator.folder import CloudFolder

NAME = "mosquitto"
HELP = """\
write mosquitto's files for `serve --broker`

Write a password file, an access list and settings for mosquitto: for the OTA service and for \
every device of the folder, which signs in there as it does at the platform. Write them again \
after `device add`."""
EXAMPLES = """\
python -m tools.cloud mosquitto broker
mosquitto -c broker/mosquitto.conf"""

_SPARE_FILES = 100  # beside one for each device


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("to", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--port", type=arguments.port, default=1883, help="its port (default: 1883)"
    )


def run(options: argparse.Namespace) -> int:
    """0 when the files are there. Raises Refused."""
    store = CloudFolder(options.folder).store
    secrets = {device: store.secret(device) or "" for device in store.devices()}
    settings = mosquitto.write(options.to, secrets, options.port)
    wanted = len(secrets) + _SPARE_FILES
    files = []
    if open_files.limit() < wanted:
        files = [f"files       mosquitto needs {wanted} of them. {open_files.advice(wanted)}"]
    serve = (
        f"python -m tools.cloud serve --broker mqtt://127.0.0.1:{options.port} "
        f"--broker-user {mosquitto.SERVICE_USER} "
        f"--broker-password-file {options.to / 'service.password'}"
    )
    show.said(
        options,
        {"folder": str(options.to), "settings": str(settings), "devices": len(secrets)},
        f"written     {options.to}: passwords, acl, service.password, mosquitto.conf",
        f"devices     {len(secrets)}; write again after the next `device add`",
        *files,
        f"run         mosquitto -c {settings}",
        f"and         {serve}",
    )
    return 0
