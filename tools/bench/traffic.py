"""What an update costs the network and the flash, and what a power cut costs it again."""

from __future__ import annotations

from tools.bench.desk import PK, Desk, Say
from tools.bench.relay import Relay
from tools.bench.report import Figure, Section, target
from tools.sim import Board
from tools.sim.oplog import Op

CUTS = 12
_AGAIN = 64 * 1024


def measure(say: Say, *, small: bool = False) -> Section:
    """Bytes on the wire and flash operations, from the push to the confirmation."""
    say("traffic and flash operations")
    with Desk(small) as desk:
        ports = desk.server.ports
        with Relay(ports["mqtts"]) as mqtt, Relay(ports["https"]) as https:
            board = desk.board("traffic")
            board.nvs_set("alink", "port", mqtt.port)
            image = desk.image("1.1.0")
            board.write_slot(0, desk.image("1.0.0", small=True))
            desk.release("1.1.0", image)
            board.power_on()
            desk.reports("traffic", "1.0.0", board)
            up, down = mqtt.counted.up, mqtt.counted.down
            ops = len(board.log)
            link = desk.link("traffic", "1.1.0")
            link = link.replace(f":{ports['https']}/", f":{https.port}/")
            desk.push("traffic", "1.1.0", url=link)
            _confirmed(desk, board, "traffic", "1.1.0")
            found = list(board.log.read(board.entries))[ops:]
            board.power_cut()
            figures = [
                _traffic("MQTT over TLS", mqtt.counted.up - up, mqtt.counted.down - down),
                _traffic("HTTPS", https.counted.up, https.counted.down, len(image)),
            ]
    for label, title in (("ota_1", "slot"), ("nvs", "NVS"), ("otadata", "otadata")):
        figures.append(_flash(title, [op for op in found if op.partition == label]))
    about = (
        "From the push to the confirmation of the new version, restart and second sign-in "
        "included: the TCP streams as a relay between board and platform saw them (TLS and "
        "its handshakes included, IP and TCP headers not), and the flash operations that the "
        "sim logged. NVS is written in the sim's own format: how often is the package's "
        "doing, how many bytes is not."
    )
    return Section("traffic", "an update", figures, about)


def _traffic(what: str, up: int, down: int, size: int = 0) -> Figure:
    note = f"sent {up:,}, received {down:,}"
    if size:
        note += f", of which the image {size:,}"
    return Figure(f"{what}, in all", f"{up + down:,} bytes", note)


def _flash(title: str, ops: list[Op]) -> Figure:
    erases = sum(op.kind == "erase" for op in ops)
    written = [op.length for op in ops if op.kind == "program"]
    return Figure(
        f"flash, {title}",
        f"{erases} sectors erased, {len(written)} writes",
        f"{sum(written):,} bytes written",
    )


def _confirmed(desk: Desk, board: Board, name: str, version: str) -> None:
    desk.server.call("wait_task", PK, name, version, "SUCCEEDED", 90)
    board.wait_for(
        lambda: f"version {version} is confirmed" in board.console_text(), 20, "the confirmation"
    )


def resume(say: Say, *, small: bool = False, cuts: int = CUTS) -> Section:
    """Bytes fetched a second time after a power cut in the download."""
    say(f"resume: {cuts} power cuts")
    worst, again = 0, []
    with Desk(small) as desk:
        image = desk.image("1.1.0")
        desk.release("1.1.0", image)
        running = desk.image("1.0.0", small=True)
        blocks = len(image) // 4096
        board = desk.board("resume")
        for count in range(cuts):
            name = f"resume_{count}"
            board.erase_partition("otadata")
            board.erase_partition("nvs")
            desk.provision(board, name)
            board.write_slot(0, running)
            board.erase_partition("ota_1")  # what is there already would not be written
            # Erase and write of each block, and a little for the journal: spread over all of it.
            board.cut_at(2 * blocks * (2 * count + 1) // (2 * cuts) + 40, "middle")
            ops = len(board.log)
            requests = len(desk.server.call("downloads"))
            board.power_on()
            desk.reports(name, "1.0.0", board)
            desk.push(name, "1.1.0")
            board.wait_for(lambda: not board.is_on, 60, "the power cut")
            before = list(board.log.read(board.entries))[ops:]
            written = sum(
                op.length for op in before if op.kind == "program" and op.partition == "ota_1"
            )
            board.power_on()
            desk.server.call("wait_task", PK, name, "1.1.0", "SUCCEEDED", 90)
            board.power_cut()
            starts = [one["start"] for one in desk.server.call("downloads")[requests:]]
            again.append(written - starts[-1])
            worst = max(worst, again[-1])
    middle = sorted(again)[len(again) // 2]
    figure = Figure(
        "fetched again after a power cut, worst",
        f"{worst:,} bytes",
        f"{cuts} cuts spread over a download of {len(image):,} bytes; median {middle:,}",
    )
    about = (
        "What had been written to the slot when the power went (in the middle of a flash "
        "operation) less the first byte that the board asked for afterwards. What the network "
        "still carried at the cut is not counted."
    )
    return Section(
        "resume", "power cut", [target(figure, worst <= _AGAIN, "at most 65,536 bytes")], about
    )
