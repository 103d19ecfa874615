"""`flash.py flash`: bootloader, partition table, otadata, image and file system, on a board or in
a file. Everything that can be refused is refused before anything is erased."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tools.chip.boards import BoardType, board_named, flash_bytes
from tools.chip.image import MAGIC
from tools.chip.layout import Layout, load_layout
from tools.cli import Refused, as_json, json_option, sorted_out, worded
from tools.flashing import board_options, bootloader
from tools.flashing.fetching import check_name, firmware_file
from tools.flashing.files import make_image, read_firmware, read_image
from tools.flashing.nvs_image import check_replaceable, nvs_image, settings_for_flash
from tools.flashing.regions import Region, as_flash, regions
from tools.flashing.screen import Screen
from tools.flashing.settings import check_there, shown
from tools.images import examine
from tools.images.application import check_hiding, hides_option, remarks
from tools.images.report import APP
from tools.places import check_output, output_path, write_private

if TYPE_CHECKING:
    from tools.flashing.serial_board import SerialBoard

IMAGE_START = bytes([MAGIC])
INCOMPLETE = (
    "stopped by Ctrl-C, and the board is incomplete: it may not start. Run the command again: it "
    "begins anew."
)
NO_WIFI = (
    "the settings name no Wi-Fi, and such a board joins none by itself: Ethernet, PPP or a Wi-Fi "
    "that your program brings up are its way out. To give it one add the lines wifi_ssid = ... "
    "and wifi_pass = ... to the settings."
)
NAME = "flash"
HELP = "put bootloader, partition table, firmware and your application on a board"
EXAMPLES = """\
flash.py flash --board ESP32_GENERIC --firmware ESP32_GENERIC.bin --app my_app --version 1.0.0
flash.py flash --board ESP32_GENERIC --firmware F.bin --app my_app --version 1.0.0 \\
         --provision greenhouse_07.env        lines such as: device_secret = ...
flash.py flash --board ESP32_GENERIC --firmware 1.27.0 --app my_app --version 1.0.0
flash.py flash --board ESP32_GENERIC_C3 --port /dev/ttyACM0 --firmware C3.bin --image release.bin
flash.py flash --board ESP32_GENERIC_S3 --flash-size 16MB --firmware S3.bin --image release.bin
flash.py flash --board ESP32_GENERIC --keep-bootloader --image release.bin
flash.py flash --board ESP32_GENERIC --firmware F.bin --image release.bin --output all.bin"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    board_options.add(parser, required=True)
    parser.add_argument(
        "--partitions", type=Path, metavar="CSV", help="your own table instead of the board's"
    )
    parser.add_argument(
        "--firmware",
        type=Path,
        metavar="FILE",
        help="MicroPython's merged .bin for the board: the bootloader is taken from it; or a "
        "version, as 1.27.0 or SPIRAM_OCT-1.27.0, to fetch it from micropython.org",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--app", type=Path, metavar="DIR", help="your application (its main.py), with --version"
    )
    what.add_argument("--image", type=Path, help="a finished image of tools/image.py instead")
    parser.add_argument("--version", help="the application's version, as in 1.0.0")
    hides_option(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--port", help="serial port, or what mpremote takes (default: the only one there is)"
    )
    where.add_argument(
        "--output",
        type=output_path,
        metavar="FILE",
        help="write the complete flash contents to a file, for an emulator or a factory",
    )
    parser.add_argument(
        "--provision",
        metavar="FILE",
        help="also its identity, server and Wi-Fi, as lines of key = value (- is standard input): "
        "they take the place of all that is in NVS; what is missing is asked for",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace a file that --output names, or with --provision the settings of a board",
    )
    parser.add_argument(
        "--keep-bootloader",
        action="store_true",
        help="leave the board's own bootloader (it must have been built with rollback)",
    )
    parser.add_argument(
        "--erase-settings",
        action="store_true",
        help="also erase NVS: identity, Wi-Fi, what alink remembers (kept otherwise)",
    )
    parser.add_argument(
        "--baud", type=int, default=460800, help="while writing (default %(default)s)"
    )
    json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Flash; 0. Raises Refused, OSError."""
    board = board_named(options.board)
    layout, size = _table(options, board)
    _check_options(options, board)
    values = settings_for_flash(options.provision) if options.provision else {}
    with Screen(silent=options.json) as screen:
        if options.firmware:
            options.firmware = firmware_file(options.firmware, board, screen)
        image, boot = _content(options, board, layout)
        if boot is not None:
            boot = bootloader.with_flash_size(boot, size)
        found = regions(
            layout,
            image,
            bootloader=None if boot is None else (board.bootloader_offset, boot),
            erase_settings=options.erase_settings,
            settings=nvs_image(values, layout.nvs.size) if values else None,
        )
        for text in _warnings(options, image):
            screen.warn(text)
        if values and "wifi_ssid" not in values:
            screen.note(NO_WIFI)
        if options.output:
            todo = _to_file(options.output, found, board, size, screen)
        else:
            todo = _to_board(options, found, board, size, layout, screen)
        for key, value in values.items():
            screen.say(f"  {key:14} {shown(key, value)}")
    if options.json:
        row = {
            "board": board.name,
            "port": None if options.output else options.port,
            "file": str(options.output) if options.output else None,
            "flash_size": size,
            "firmware": str(options.firmware) if options.firmware else None,
            "version": examine(image).version or None,
            "regions": [
                {"name": one.name, "address": one.address, "size": len(one.data)} for one in found
            ],
            "settings": None if options.output else _of_settings(options),
            "provisioned": list(values),
            "next": todo,
            **sorted_out(screen.aside),
        }
        print(as_json(row))
    return 0


def _table(options: argparse.Namespace, board: BoardType) -> tuple[Layout, int]:
    """The partition table to write, and the bytes of flash that it is for."""
    if options.partitions is None:
        table = board.table(options.flash_size)
        return load_layout(table.csv, table.flash_size), table.flash_size
    if options.flash_size:
        size = flash_bytes(options.flash_size)
        return load_layout(options.partitions, size), size
    layout = load_layout(options.partitions)
    return layout, next(size for size in sorted(bootloader.SIZE_CODES) if size >= layout.end)


def _check_options(options: argparse.Namespace, board: BoardType) -> None:
    """What argparse cannot tell."""
    if options.output and options.keep_bootloader:
        raise Refused(
            "--keep-bootloader needs a board, and --output has none",
            "Leave --keep-bootloader out, and give the merged file with --firmware.",
        )
    if options.force and not options.output and not options.provision:
        raise Refused(
            "--force is for --output and --provision",
            "Leave it out, or add --output FILE or --provision FILE.",
        )
    provision = _file(options)
    if provision is not None:
        check_there(provision)
    if options.firmware:
        check_name(options.firmware, board)
    if options.output:
        check_output(
            options.output,
            (options.firmware, options.app, options.image, options.partitions, provision),
        )
        if options.output.exists() and not options.force:
            raise Refused(f"{options.output} exists", "Name another, or replace it: --force.")
    if options.image and options.version:
        raise Refused(
            "--version is for --app, and the file of --image has a version of its own",
            "Leave --version out; tools/image.py inspect shows the image's.",
        )
    if options.app and not options.version:
        raise Refused("--app needs a version", "Add --version 1.0.0: the cloud knows it by it.")
    if options.app:
        check_hiding(options.app, options.hides)
    if options.app and not options.firmware:
        raise Refused(
            "--app needs the firmware it shall run on",
            "Add --firmware with the .bin of your board from micropython.org/download, or with a "
            "version, as 1.27.0, to have it fetched.",
        )
    if not options.firmware and not options.keep_bootloader:
        raise Refused(
            "there is no bootloader to write",
            "Give MicroPython's merged .bin with --firmware, or say --keep-bootloader if the "
            "board has run MicroPython before.",
        )


def _file(options: argparse.Namespace) -> Path | None:
    """The file of --provision, where it is one."""
    return Path(options.provision) if options.provision not in (None, "-") else None


def _content(
    options: argparse.Namespace, board: BoardType, layout: Layout
) -> tuple[bytes, bytes | None]:
    """(image for slot 0, bootloader or None to keep it)."""
    firmware = None
    if options.firmware:
        firmware = read_firmware(options.firmware, board, options.keep_bootloader)
    boot = None
    if firmware is not None and not options.keep_bootloader:
        boot = bootloader.from_merged(firmware, board)
    if options.image:
        return read_image(options.image, board), boot
    assert firmware is not None
    return make_image(firmware, options.app, options.version, board, layout), boot


def _warnings(options: argparse.Namespace, image: bytes) -> Iterator[str]:
    """What is no reason to refuse, but to think."""
    report = examine(image)
    if report.kind == APP:
        yield (
            f"{options.image} carries no application: without one frozen into it the board will "
            "only show MicroPython's prompt."
        )
    if options.app:
        for text in remarks(options.app):
            yield text.removeprefix("warning: ")
    if report.warning:
        yield report.warning


def _to_file(path: Path, found: list[Region], board: BoardType, size: int, screen: Screen) -> str:
    write_private(path, as_flash(found, size))  # a board will keep its device secret in it
    for region in found:
        screen.say(_line(region))
    screen.say(f"{path}: the complete {size >> 20} MB of {board.name}")
    todo = (
        f"an emulator takes it as it is; for a board: esptool --chip {board.chip} "
        f"write-flash 0x0 {path} (which replaces its settings too)"
    )
    screen.say(f"next: {todo}")
    return todo


def _to_board(
    options: argparse.Namespace,
    found: list[Region],
    board: BoardType,
    size: int,
    layout: Layout,
    screen: Screen,
) -> str:
    # Both bring libraries that take their time to be imported.
    from tools.flashing.ports import resolve
    from tools.flashing.serial_board import open_board

    port = options.port = resolve(options.port)
    screen.say(f"connecting to {port}")
    screen.begin("connecting", None)
    with open_board(port, options.baud) as there:
        screen.say(f"found {there.check(board, size)}")
        for region in found:
            if region.data[:1] == IMAGE_START:
                there.check_revision(region.data, f"the {region.name}'s image")
        if options.keep_bootloader:
            bootloader.check_kept(there.read_bootloader(board), board, size)
        if options.provision and not (options.force or options.erase_settings):
            check_replaceable(there.read(layout.nvs.address, layout.nvs.size), port)
        try:
            for region in found:
                _write(there, region, screen)
            there.verify(found)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(INCOMPLETE) from None
        screen.say("verified: every region reads back as it was written")
        if not there.restart():
            by_hand = "this port cannot reset the board: press its RESET button"
            screen.say(by_hand)
            screen.aside.append(by_hand)
    told = {"given": "those that were given, and no others", "kept": "kept as they were"}
    settings = _of_settings(options)
    screen.say(f"done; the settings are {told.get(settings, settings)}")
    todo = "press RESET if it is idle; flash.py status tells how it is"
    if not options.provision:
        todo = "give the board its identity (flash.py provision); press RESET if it is idle"
    todo = worded(todo)
    screen.say(f"next: {todo}")
    return todo


def _of_settings(options: argparse.Namespace) -> str:
    """What a board has afterwards: its own as they were, none, or those that were given alone."""
    if options.provision:
        return "given"
    return "erased" if options.erase_settings else "kept"


def _write(there: SerialBoard, region: Region, screen: Screen) -> None:
    whole = len(region.data)
    screen.begin(region.name, whole)
    there.write(region, lambda done, total: screen.at(whole * done // total if total else whole))
    screen.at(whole)
    screen.say(_line(region))


def _line(region: Region) -> str:
    blank = not region.data.strip(b"\xff")
    return f"{region.name:<16} 0x{region.address:06x}  {len(region.data):>8} bytes" + (
        "  (erased)" if blank else ""
    )
