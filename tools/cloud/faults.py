"""What may go wrong on purpose."""

from __future__ import annotations

from dataclasses import dataclass

from tools.cloud.limits import Limits

# What both TLS listeners may show (certs.py).
CERTIFICATES = ("good", "expired", "not-yet-valid", "wrong-host", "other-ca")


@dataclass
class Faults(Limits):
    """Faults, and the limits, read at each use: set them while the stand-in runs.

    Fields that count ("the next n") go down by one with each use; None and 0 mean "off".
    Every HTTP fault applies to each file download with a good link, on both listeners.
    """

    # --- Downloads ---
    ignore_range: bool = False  # answer 200 with the whole file to a Range
    expire_after_s: float | None = None  # a link is 403 this long after its issue
    expire_next: int = 0  # the next n requests get 403
    status_next: int = 0  # the next n requests get `status` instead of the file
    status: int = 503  # which status `status_next` uses
    redirect_next: int = 0  # the next n requests get 302 to `redirect_to`
    redirect_to: str | None = None  # None: to the same link
    cut_after: int | None = None  # drop the connection after this many body bytes ...
    cut_times: int | None = None  # ... n times; None: each time
    content_length_delta: int = 0  # added to the Content-Length told; the body stays as it is
    header_case: str = "title"  # how header names are spelled: "title", "lower" or "upper"
    stall_after: int | None = None  # send nothing more after this many body bytes, stay open
    drip_bytes: int = 0  # send pieces of this many bytes ...
    drip_delay_s: float = 0.0  # ... with this pause after each (odd_pieces too)
    odd_pieces: int | None = None  # a seed: pieces of 1..odd_max bytes, each flushed by itself
    odd_max: int = 5000
    chunked: bool = False  # Transfer-Encoding: chunked, without a Content-Length
    long_header: int = 0  # one more header line, this many bytes long
    drip_head: bool = False  # with drip_bytes: the head drips too

    # --- MQTT ---
    connack_code: int | None = None  # answer every CONNECT with this code
    suback_refuse: bool = False  # 0x80 for every filter
    no_puback: bool = False  # take QoS 1 messages, never acknowledge them
    late_puback_s: float = 0.0  # acknowledge them this much later
    no_pingresp: bool = False  # leave PINGREQ unanswered
    drop_progress: bool = False  # progress reports get lost behind the gateway
    drop_inform: bool = False  # version reports get lost behind the gateway
    drop_query: bool = False  # active queries stay unanswered
    duplicate_push: int = 0  # send each push this many more times
    half_packet: int = 0  # the next n pushes: send half of the packet, then nothing any more
    no_register_answer: bool = False  # accept a registration and then say nothing
    register_answer: bytes | None = None  # answer it with this instead of a secret
    garbage: int = 0  # the next n pushes: send a packet of a type that does not exist before

    # --- Blocks over MQTT: what happens to the next n requests ---
    block_from: int = 0  # requests below this byte of the file are spared
    block_interval_s: float | None = None  # a request sooner after the last one gets no reply
    block_bad_crc: int = 0  # a CRC that is not the data's
    block_bad_data: int = 0  # one bit of the data's last byte turned; the CRC is that of the file
    block_truncated: int = 0  # half of the data, and no CRC
    block_wrong_offset: int = 0  # the block before, or the next one
    block_wrong_length: int = 0  # a `fileLength` that is not the file's
    block_duplicate: int = 0  # the reply twice
    block_lost: int = 0  # no reply
    block_late: int = 0  # a reply, but ...
    block_late_s: float = 0.5  # ... only after this time
    block_code_next: int = 0  # `block_code` instead of data
    block_code: int = 500  # which code `block_code_next` and refusals use
    block_cut: int = 0  # half of the packet, then the connection is closed

    def http_active(self) -> bool:
        """True when a fault shapes the bytes of an answer, not only which answer it is."""
        return bool(
            self.cut_after is not None
            or self.content_length_delta
            or self.header_case != "title"
            or self.stall_after is not None
            or self.drip_bytes
            or self.odd_pieces is not None
            or self.chunked
            or self.long_header
        )
