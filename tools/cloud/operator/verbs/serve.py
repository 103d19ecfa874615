"""`serve`: the platform, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tools.cli import Refused
from tools.cloud import control, open_files
from tools.cloud.faults import CERTIFICATES
from tools.cloud.mqtt import broker
from tools.cloud.operator import arguments, first_update, listing, show, status_report
from tools.cloud.operator.addresses import addresses, is_here
from tools.cloud.operator.folder import beginning, snapshot, unusable
from tools.cloud.records import KEEP, Note

if TYPE_CHECKING:
    from tools.cloud.local import LocalCloud

NAME = "serve"
HELP = """\
run the platform until Ctrl-C

Run the gateway, the OTA service and the downloads until Ctrl-C. Ports: 0 takes any free one."""
EXAMPLES = """\
python -m tools.cloud serve --mqtt-port 1883 --mqtts-port 8883
python -m tools.cloud serve --listen 0.0.0.0 --public 192.168.1.10 --mqtts-port 8883
python -m tools.cloud serve --broker mqtts://broker.example --broker-user ota \\
       --broker-password-file password.txt"""

_TURN_S = 1.0
_LOCAL = ("127.0.0.1", "::1", "localhost")
_PORTS = {
    "mqtt": "MQTT, plain",
    "mqtts": "MQTT over TLS",
    "https": "downloads",
    "http": "downloads without TLS",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument(
        "--listen",
        type=arguments.host,
        default="127.0.0.1",
        help="address to listen on (default: this machine only)",
    )
    parser.add_argument(
        "--public", type=arguments.public, help="name or address the boards reach this machine by"
    )
    for name, what in _PORTS.items():
        parser.add_argument(
            f"--{name}-port",
            type=arguments.port,
            default=0,
            metavar="PORT",
            help=f"port of {what}",
        )
    parser.add_argument(
        "--no-limits",
        action="store_true",
        help="take more than the platform does: CONNECTs a minute, messages a second, "
        "subscriptions, calls",
    )
    parser.add_argument(
        "--page-listen",
        type=arguments.host,
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address of the page for a browser; elsewhere than on this machine (default) its "
        "address has a token in it, which is told here once",
    )
    parser.add_argument(
        "--page-port", type=arguments.port, default=0, metavar="PORT", help="port of the page"
    )
    parser.add_argument(
        "--certificate",
        choices=CERTIFICATES,
        default="good",
        help="show a bad certificate, to see what a board does (default: good)",
    )
    parser.add_argument(
        "--broker",
        metavar="URL",
        help="let devices sign in at this broker, mqtt://host:port or mqtts://host:port, instead "
        "of the stand-in's own gateway",
    )
    parser.add_argument("--broker-user", metavar="NAME", help="sign in there as this user")
    parser.add_argument(
        "--broker-password-file", type=Path, metavar="FILE", help="with the password in this file"
    )
    parser.add_argument(
        "--broker-ca", type=Path, metavar="FILE", help="trust this authority (mqtts)"
    )


def run(options: argparse.Namespace) -> int:
    """0, after Ctrl-C. Raises Refused."""
    if control.ask(options.folder, "snapshot") is not None:
        raise Refused(
            f"a server already runs in {options.folder}", "Stop it, or use another --folder."
        )
    open_files.allow()
    _check_public("--listen", options.listen, options.public)
    _check_public("--page-listen", options.page_listen, options.public)
    _note_public(options)

    def tell(note: Note) -> None:
        told = (note.time, note.kind, note.device, note.text)
        show.said(
            options, {"event": "note", **listing.note(*told)}, status_report.note_line(*told)
        )

    at = _broker(options)
    cloud = _started(options, at, tell)
    stop = threading.Event()
    with cloud:
        # Waited for with a limit: without one, some systems do not run the handler meanwhile.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        if options.no_limits:
            cloud.faults.lift_limits()
        _tell(options, cloud, at)
        while not stop.wait(_TURN_S):
            continue
    show.said(options, {"event": "stopped"}, "stopped")
    return 0


def _started(
    options: argparse.Namespace, at: broker.Broker | None, tell: Callable[[Note], None]
) -> LocalCloud:
    """The platform; a folder that was made for one that could not start is gone again."""
    from tools.cloud.local import LocalCloud  # all of the stand-in: slow to load

    with beginning(options.folder):
        try:
            return LocalCloud(
                options.folder,
                broker=at,
                certificate=options.certificate,
                on_note=tell,
                listen=options.listen,
                public=options.public or "",
                mqtt_port=options.mqtt_port,
                mqtts_port=options.mqtts_port,
                https_port=options.https_port,
                http_port=options.http_port,
                keep=KEEP,
                page_listen=options.page_listen,
                page_port=options.page_port,
            )
        except (OSError, sqlite3.Error) as exc:
            raise unusable(options.folder, exc) from None


def _note_public(options: argparse.Namespace) -> None:
    """Say so when the address for the boards is another machine's: it may forward to this one."""
    if not options.public or is_here(options.public) is not False:
        return
    there = ", ".join(addresses())
    show.warned(
        options,
        f"note: {options.public} is no address of this machine"
        + (f", which has {there}" if there else ""),
        "That is right where what has the address passes on to this machine what boards send (a "
        "router, the host of a container); elsewhere they will not find it.",
    )


def _check_public(option: str, listen: str, public: str | None) -> None:
    """Refuse to listen everywhere without a name for it: links would lead to 127.0.0.1."""
    from tools.cloud.mqtt.listener import EVERYWHERE

    if public or listen not in EVERYWHERE:
        return
    there = " or ".join(f"--public {address}" for address in addresses())
    raise Refused(
        f"with {option} {listen} it has to be said what others reach this machine by: it stands "
        "in the links of boards, in the certificates and in the address of the page",
        f"Add {there}." if there else "Add --public with its name or address in their network.",
    )


def _broker(options: argparse.Namespace) -> broker.Broker | None:
    if options.broker is None:
        if options.broker_user or options.broker_password_file or options.broker_ca:
            raise Refused("there is no broker to use that at", "Add --broker mqtt://host:port.")
        return None
    if options.mqtt_port or options.mqtts_port:
        raise Refused("with --broker there is no gateway", "Leave --mqtt(s)-port out.")
    return broker.parse(
        options.broker, options.broker_user, options.broker_password_file, options.broker_ca
    )


def _tell(options: argparse.Namespace, cloud: LocalCloud, at: broker.Broker | None) -> None:
    gateway = [f"broker      {at}"]
    if at is None:
        gateway = [
            f"MQTT        port {cloud.mqtt_port} (plain, securemode=3)",
            f"MQTT, TLS   port {cloud.mqtts_port} (securemode=2)",
        ]
    first = _first(options) if at is None else []
    show.said(
        options,
        {
            "event": "ready",
            "host": cloud.public,
            "broker": None if at is None else str(at),
            "mqtt": cloud.mqtt_port if at is None else None,
            "mqtts": cloud.mqtts_port if at is None else None,
            "https": cloud.https_port,
            "http": cloud.http_port,
            "page": cloud.page_url,
            "ca": str(cloud.ca_file),
            "first_update": first,
        },
        f"host        {cloud.public}",
        *gateway,
        f"downloads   port {cloud.https_port} (HTTPS), {cloud.http_port} (HTTP)",
        f"API         port {cloud.http_port} (--at desk finds it; `key` tells its key)",
        f"page        {cloud.page_url}",
        f"CA file     {cloud.ca_file}",
        *_told(options, first),
        "Ctrl-C stops it.",
    )


def _first(options: argparse.Namespace) -> list[str]:
    """For whom has no device yet: every command from here to a board's first update."""
    return [] if snapshot(options.folder)["devices"] else first_update.commands(options.folder)


def _told(options: argparse.Namespace, first: list[str]) -> list[str]:
    if not first:
        return []
    lines = [
        "",
        "A board out of its bag, to its first update (another terminal, this folder):",
        "",
        *(f"  {line}" for line in first),
        "",
    ]
    if options.listen in _LOCAL:
        others = next(iter(addresses()), "ADDRESS")
        lines += [
            "Boards on your network find it when it is started so:",
            "",
            f"  {first_update.for_the_network(others, options.folder)}",
            "",
        ]
    return lines
