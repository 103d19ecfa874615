"""Updates over MQTT: heap and speed with small blocks and with large ones."""

from __future__ import annotations

from tools.bench.desk import Desk, Say
from tools.bench.memory import counted, in_the_path
from tools.bench.report import Figure, Section, target

_SIZES = (4096, 65536)
_APART = 1024  # bytes of heap that the block size may cost


def measure(say: Say, *, small: bool = False) -> Section:
    """One update with each block size; what is alive is weighed behind each chunk."""
    figures: list[Figure] = []
    peaks = []
    with Desk(small) as desk:
        # The platform takes 30 messages a second; what is measured is the device.
        desk.server.fault(uplink_qos0_per_s=None)
        for number, size in enumerate(_SIZES):
            kind = f"{size // 1024} KiB blocks"
            say(f"over MQTT, {kind}")
            found = counted(
                desk,
                f"mqtt_{number}",
                f"1.1.{number}",
                secure=True,
                settings={"block_size": size, "weigh": 1, "idle_ms": 0 if small else 4000},
                scheme="mqtt",
            )
            first, began, moved, _, last = found["marks"]
            code = last[1] - first[1]
            during = moved[0] - began[0] - found["opening"][0]
            speed = found["size"] / found["spent_us"]
            peaks.append(int(found["peak"]))
            figures += [
                in_the_path(kind, found),
                Figure(
                    f"{kind}, per update in all",
                    f"{last[0] - first[0]:,} bytes allocated",
                    f"of these code, loaded and let go, {code:,}; from the first block on "
                    f"{during:,}: progress reports (at most one a second) and checkpoints",
                ),
                Figure(f"{kind}, no gap", f"{speed:.2f} MB/s", f"{found['size']:,} bytes"),
                Figure(f"{kind}, most heap alive", f"{peaks[-1]:,} bytes"),
            ]
    apart = abs(peaks[1] - peaks[0])
    figures.append(
        target(
            Figure("most heap alive, difference", f"{apart} bytes"),
            apart <= _APART,
            f"at most {_APART:,} bytes",
        )
    )
    about = (
        "The application of the section `allocated`, with the file in blocks over its MQTT "
        "session (TLS) and no gap between a reply and the next request; the stand-in's limit of "
        "30 messages a second is off. The heap alive is gc.mem_alloc() after a collection behind "
        "each chunk, the sim's own modules included."
    )
    return Section("mqtt", "over MQTT", figures, about)
