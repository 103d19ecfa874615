"""The command line: serve, device add, release add, push, batch, status, watch and others."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.live import Live

from tools.cloud.certs import KINDS
from tools.cloud.clock import Clock
from tools.cloud.local import LocalCloud
from tools.cloud.mqtt import broker, mosquitto
from tools.cloud.operator import batch_cli, control, views
from tools.cloud.operator.tasks import DEFAULT_MODULE, CloudError, TaskBook
from tools.cloud.ota import differences
from tools.cloud.records import Note, Records
from tools.cloud.store import Store

_DEFAULT_FOLDER = ".cloud"
_WATCH_EVERY_S = 0.5
_TURN_S = 1.0
_KEEP = 10_000

_EPILOG = """\
A first update, in three terminals' worth of commands:

  python -m tools.cloud device add a1B2c3D4e5F greenhouse_07     prints the secret, once
  python -m tools.cloud release add a1B2c3D4e5F 1.1.0 build/app-1.1.0.bin
  python -m tools.cloud serve                                    prints ports and the CA file
  python -m tools.cloud push a1B2c3D4e5F greenhouse_07 1.1.0
  python -m tools.cloud watch

For boards on your network let it listen there, and say what they reach you by:

  python -m tools.cloud serve --listen 0.0.0.0 --public 192.168.1.10 --mqtts-port 8883

Everything is kept in a folder (--folder, .cloud unless told): devices and their secrets, packages,
tasks, the certificate authority. All commands have to name the same one.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.cloud",
        description="A local stand-in for the Alibaba Cloud IoT Platform: MQTT sign-in, "
        "over-the-air upgrades and their downloads.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--folder",
        type=Path,
        default=Path(_DEFAULT_FOLDER),
        help=f"where everything is kept (default: {_DEFAULT_FOLDER})",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    keep: dict[str, Any] = {
        "parents": [common],
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }

    serve = commands.add_parser(
        "serve",
        help="run the platform until Ctrl-C",
        description="Run the gateway, the OTA service and the downloads until Ctrl-C.",
        epilog="Ports: 0 takes any free one.\n\nexample:\n  python -m tools.cloud serve "
        "--mqtt-port 1883 --mqtts-port 8883",
        **keep,
    )
    serve.add_argument(
        "--listen", default="127.0.0.1", help="address to listen on (default: this machine only)"
    )
    serve.add_argument(
        "--public", default="", help="name or address the boards reach this machine by"
    )
    for name, what in (
        ("mqtt", "MQTT, plain"),
        ("mqtts", "MQTT over TLS"),
        ("https", "downloads"),
        ("http", "downloads without TLS"),
    ):
        serve.add_argument(
            f"--{name}-port", type=_port, default=0, metavar="PORT", help=f"port of {what}"
        )
    serve.add_argument(
        "--certificate",
        choices=KINDS,
        default="good",
        help="show a bad certificate, to see what a board does (default: good)",
    )

    serve.add_argument(
        "--broker",
        metavar="URL",
        help="let devices sign in at this broker, mqtt://host:port or mqtts://host:port, instead "
        "of the stand-in's own gateway",
    )
    serve.add_argument("--broker-user", metavar="NAME", help="sign in there as this user")
    serve.add_argument(
        "--broker-password-file", type=Path, metavar="FILE", help="with the password in this file"
    )
    serve.add_argument(
        "--broker-ca", type=Path, metavar="FILE", help="trust this authority (mqtts)"
    )

    files = commands.add_parser(
        "mosquitto",
        help="write mosquitto's files for `serve --broker`",
        description="Write a password file, an access list and settings for mosquitto: for the "
        "OTA service and for every device of the folder, which signs in there as it does at the "
        "platform. Write them again after `device add`.",
        epilog="example:\n  python -m tools.cloud mosquitto broker\n"
        "  mosquitto -c broker/mosquitto.conf",
        **keep,
    )
    files.add_argument("to", type=Path, metavar="FOLDER")
    files.add_argument("--port", type=_port, default=1883, help="its port (default: 1883)")

    device = commands.add_parser("device", help="add devices").add_subparsers(
        dest="action", required=True, metavar="ACTION"
    )
    add = device.add_parser(
        "add",
        help="add a device and print its secret",
        description="Add a device, or give it a new secret. The secret is printed once.",
        epilog="example:\n  python -m tools.cloud device add a1B2c3D4e5F greenhouse_07",
        **keep,
    )
    add.add_argument("product_key", metavar="PRODUCT_KEY")
    add.add_argument("device_name", metavar="DEVICE_NAME")
    add.add_argument(
        "--secret-file", type=Path, metavar="FILE", help="write it to a new file, for you alone"
    )

    product = commands.add_parser(
        "product", help="products whose devices register themselves"
    ).add_subparsers(dest="action", required=True, metavar="ACTION")
    add = product.add_parser(
        "add",
        help="let devices of a product get their secret on first contact",
        description="Give a product a secret, with which its devices register (dynamic "
        "registration). Once more with --registration off: they may no longer.",
        epilog="example:\n  python -m tools.cloud product add a1B2c3D4e5F\n"
        "  python -m tools.cloud device add a1B2c3D4e5F greenhouse_07   lists a device",
        **keep,
    )
    add.add_argument("product_key", metavar="PRODUCT_KEY")
    add.add_argument("--secret", help="the product's secret (default: the known one, or random)")
    add.add_argument("--registration", choices=("on", "off"), default="on", help="(default: on)")

    release = commands.add_parser("release", help="add packages").add_subparsers(
        dest="action", required=True, metavar="ACTION"
    )
    add = release.add_parser(
        "add",
        help="offer a file as a version",
        description="Offer a file, or several as one package, as a version of a product. "
        "A version is never changed. With --from: a difference that image.py pack has made, for "
        "devices that report that version; all others, and those that cannot take it, get the "
        "version's file itself.",
        epilog="example:\n  python -m tools.cloud release add a1B2c3D4e5F 1.1.0 build/app.bin\n"
        "  python -m tools.cloud release add a1B2c3D4e5F 1.1.0 from-1.0.0.alp --from 1.0.0\n"
        "  python -m tools.cloud release add a1B2c3D4e5F 7 web.tar.gz model.bin --module assets",
        **keep,
    )
    add.add_argument("product_key", metavar="PRODUCT_KEY")
    add.add_argument("version", metavar="VERSION")
    add.add_argument("files", type=Path, nargs="+", metavar="FILE", help="1 to 20")
    add.add_argument("--module", default=DEFAULT_MODULE, help="a module with its own version")
    add.add_argument(
        "--from",
        dest="source",
        metavar="VERSION",
        help="the file is a difference for devices that report this version",
    )
    add.add_argument(
        "--sign-method",
        choices=("Md5", "SHA256"),
        help="digest sent to devices (default: Md5; of a difference: as of its version)",
    )
    add.add_argument(
        "--sign-key", type=Path, metavar="PEM", help="your private key: sign the file (digestsign)"
    )

    push = commands.add_parser(
        "push",
        help="upgrade a device",
        description="Make the task of upgrading a device. It is pushed at once when the device "
        "is online, otherwise when it reports its version.",
        epilog="example:\n  python -m tools.cloud push a1B2c3D4e5F greenhouse_07 1.1.0 "
        "--timeout-min 60",
        **keep,
    )
    push.add_argument("product_key", metavar="PRODUCT_KEY")
    push.add_argument("device_name", metavar="DEVICE_NAME")
    push.add_argument("version", metavar="VERSION")
    push.add_argument("--module", default=DEFAULT_MODULE, help="a module with its own version")
    push.add_argument(
        "--timeout-min", type=int, metavar="MIN", help="fail so long after the first progress"
    )
    push.add_argument(
        "--override", action="store_true", help="cancel a task that is not finished yet"
    )
    push.add_argument(
        "--over",
        choices=("https", "http", "mqtt"),
        default="https",
        help="how the device gets the file (default: https)",
    )

    batch_cli.add_parsers(commands, keep)
    commands.add_parser(
        "status", help="devices and tasks", description="Print devices and tasks.", **keep
    )
    commands.add_parser(
        "watch",
        help="the same, live",
        description="Show devices, tasks and downloads live, until Ctrl-C. Needs a running serve.",
        **keep,
    )
    return parser


def _port(text: str) -> int:
    number = int(text) if text.isdecimal() else -1
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; use 0 to 65535")
    return number


class _Desk:
    """The folder as a command sees it, with or without a running server."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "files"
        try:
            self.files.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise CloudError(
                f"cannot use the folder {folder}: {exc.strerror}; name another with --folder"
            ) from None
        clock = Clock()
        self.store = Store(folder / "cloud.sqlite")
        self.book = TaskBook(self.store, clock, Records(clock.time))


def _serve(args: argparse.Namespace, out: Console) -> int:
    if control.ask(args.folder, "snapshot") is not None:
        raise CloudError(f"a server already runs in {args.folder}; stop it, or use another folder")

    def show(note: Note) -> None:
        out.print(views.note_line(note.time, note.kind, note.device, note.text))

    at = None
    if args.broker is not None:
        if args.mqtt_port or args.mqtts_port:
            raise CloudError("with --broker there is no gateway: leave --mqtt(s)-port out")
        at = broker.parse(args.broker, args.broker_user, args.broker_password_file, args.broker_ca)
    elif args.broker_user or args.broker_password_file or args.broker_ca:
        raise CloudError("which broker? add --broker mqtt://host:port")
    cloud = LocalCloud(
        args.folder,
        broker=at,
        certificate=args.certificate,
        on_note=show,
        listen=args.listen,
        public=args.public,
        mqtt_port=args.mqtt_port,
        mqtts_port=args.mqtts_port,
        https_port=args.https_port,
        http_port=args.http_port,
        keep=_KEEP,
    )
    stop = threading.Event()
    # Waited for with a limit: without one, some systems do not run the handler meanwhile.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with cloud:
        out.print(f"host        {cloud.public}")
        if at is not None:
            out.print(f"broker      {at}", soft_wrap=True)
        else:
            out.print(f"MQTT        port {cloud.mqtt_port} (plain, securemode=3)")
            out.print(f"MQTT, TLS   port {cloud.mqtts_port} (securemode=2)")
        out.print(f"downloads   port {cloud.https_port} (HTTPS), {cloud.http_port} (HTTP)")
        out.print(f"CA file     {cloud.ca_file}", soft_wrap=True)
        out.print("Ctrl-C stops it.")
        while not stop.wait(_TURN_S):
            continue
    out.print("stopped")
    return 0


def _add_device(args: argparse.Namespace, out: Console) -> int:
    add = _Desk(args.folder).book.add_device
    if args.secret_file is not None:
        with _secret_file(args.secret_file) as file:
            file.write(add(args.product_key, args.device_name, None) + "\n")
        out.print(f"device      {args.product_key}/{args.device_name}")
        out.print(f"secret      in {args.secret_file}", soft_wrap=True)
        return 0
    secret = add(args.product_key, args.device_name, None)
    out.print(f"device      {args.product_key}/{args.device_name}")
    out.print(f"secret      {secret}")
    out.print("Note it now: it is not shown again. `device add` once more makes a new one.")
    return 0


@contextlib.contextmanager
def _secret_file(path: Path) -> Iterator[IO[str]]:
    """A new file that only its owner may read; no file when what fills it fails."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as exc:
        raise CloudError(
            f"cannot make {path}: {exc.strerror}; name a new file in a folder that is there"
        ) from None
    try:
        with os.fdopen(handle, "w") as file:
            yield file
    except BaseException:
        path.unlink()
        raise


def _mosquitto(args: argparse.Namespace, out: Console) -> int:
    store = _Desk(args.folder).store
    secrets = {device: store.secret(device) or "" for device in store.devices()}
    settings = mosquitto.write(args.to, secrets, args.port)
    out.print(f"written     {args.to}: passwords, acl, service.password, mosquitto.conf")
    out.print(f"devices     {len(secrets)}; write again after the next `device add`")
    out.print(f"run         mosquitto -c {settings}", soft_wrap=True)
    out.print(
        f"and         python -m tools.cloud serve --broker mqtt://127.0.0.1:{args.port} "
        f"--broker-user {mosquitto.SERVICE_USER} "
        f"--broker-password-file {args.to / 'service.password'}",
        soft_wrap=True,
    )
    return 0


def _add_product(args: argparse.Namespace, out: Console) -> int:
    on = args.registration == "on"
    secret = _Desk(args.folder).book.add_product(args.product_key, args.secret, on)
    out.print(f"product     {args.product_key}, dynamic registration {args.registration}")
    out.print(f"secret      {secret}")
    return 0


def _add_release(args: argparse.Namespace, out: Console) -> int:
    desk = _Desk(args.folder)
    if args.source is not None:
        return _add_difference(args, desk, out)
    release = desk.book.add_release(
        desk.files,
        args.product_key,
        args.version,
        args.files,
        args.module,
        args.sign_method or "Md5",
        sign_key=args.sign_key,
    )
    method = release.sign_method
    out.print(f"release     {release.version} of {release.product_key}, module {release.module}")
    for file in release.files:
        digest = file.md5 if method == "Md5" else file.sha256
        name = f" {file.name}" if release.further else ""
        out.print(f"size        {file.size} bytes, {method} {digest}{name}", soft_wrap=True)
    return 0


def _add_difference(args: argparse.Namespace, desk: _Desk, out: Console) -> int:
    if len(args.files) > 1:
        raise CloudError("a difference is one file; add one for each version it starts from")
    offered = desk.book.release(args.product_key, args.module, args.version)
    if args.sign_method not in (None, offered.sign_method):
        raise CloudError(
            f"{args.version} is offered with {offered.sign_method}, so its differences are, too; "
            "leave --sign-method out"
        )
    release = differences.add(
        desk.book,
        desk.files,
        args.product_key,
        args.version,
        args.files[0],
        args.source,
        args.module,
        args.sign_key,
    )
    method = release.sign_method
    difference = release.difference(args.source)
    assert difference is not None
    file = difference.file
    digest = file.md5 if method == "Md5" else file.sha256
    share = 100 * file.size / release.size
    out.print(
        f"difference  {args.source} -> {release.version} of {release.product_key}, "
        f"module {release.module}"
    )
    out.print(f"size        {file.size} bytes, {method} {digest}", soft_wrap=True)
    out.print(f"for         devices that report {args.source}: {share:.1f} % of {release.size}")
    return 0


def _push(args: argparse.Namespace, out: Console) -> int:
    desk = _Desk(args.folder)
    task = desk.book.add_task(
        args.product_key,
        args.device_name,
        args.version,
        module=args.module,
        timeout_min=args.timeout_min,
        override=args.override,
        options={"scheme": args.over},
    )
    if not task.unfinished:
        raise CloudError(f"{task.version} {task.state}: {task.desc}; wait, or use --override")
    answer = control.ask(args.folder, "offer", task=task.id)
    task = desk.store.task_by_id(task.id)
    out.print(f"task        {task.identity} to {task.version}: {task.state}")
    if answer is None:
        out.print("No server runs in this folder: start it with `serve`; the task is kept.")
    elif not answer.get("sent"):
        out.print("The device is offline or has not reported a version: pushed when it does.")
    return 0


def _snapshot(folder: Path) -> dict[str, Any]:
    """What the server says, or what the file says when none runs."""
    answer = control.ask(folder, "snapshot")
    if answer is not None:
        return answer
    if not (folder / "cloud.sqlite").exists():
        raise CloudError(
            f"there is nothing in {folder} yet; begin with `device add`, or name another --folder"
        )
    store = _Desk(folder).store
    return {
        "devices": control.device_rows(store.devices(), store.versions),
        "tasks": [control.task_row(task) for task in store.tasks()],
        "batches": control.batch_rows(store),
    }


def _status(args: argparse.Namespace, out: Console) -> int:
    out.print(views.render(_snapshot(args.folder)))
    return 0


def _watch(args: argparse.Namespace, out: Console) -> int:
    def now() -> dict[str, Any]:
        answer = control.ask(args.folder, "snapshot")
        if answer is None:
            raise CloudError(
                f"no server runs in {args.folder}: start it with `python -m tools.cloud serve "
                f"--folder {args.folder}`, or see the last state with `status`"
            )
        return answer

    with Live(views.render(now()), console=out, auto_refresh=False) as live:
        while True:
            time.sleep(_WATCH_EVERY_S)
            live.update(views.render(now()), refresh=True)


def _batch(args: argparse.Namespace, out: Console) -> int:
    return batch_cli.batch(args, _Desk(args.folder).book, out)


def _confirm(args: argparse.Namespace, out: Console) -> int:
    return batch_cli.confirm(args, _Desk(args.folder).book, out)


def _cancel(args: argparse.Namespace, out: Console) -> int:
    return batch_cli.cancel(args, _Desk(args.folder).book, out)


_COMMANDS = {
    ("serve", None): _serve,
    ("mosquitto", None): _mosquitto,
    ("device", "add"): _add_device,
    ("product", "add"): _add_product,
    ("release", "add"): _add_release,
    ("push", None): _push,
    ("batch", None): _batch,
    ("confirm", None): _confirm,
    ("cancel", None): _cancel,
    ("status", None): _status,
    ("watch", None): _watch,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, 1 for what cannot be done, 2 for wrong arguments."""
    args = _parser().parse_args(arguments)
    out = Console(highlight=False, markup=False)
    try:
        return _COMMANDS[args.command, getattr(args, "action", None)](args, out)
    except CloudError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
