# A download in blocks over the MQTT session that is already open. MIT licence.
#
# One request, one reply, and a gap ("OTA updates", 89307; protocol of thing/file/download). Here
# is what lives as long as a download: little, since RAM is short while it begins. How a source is
# made, and what is done once when it is opened, is in blocks_rest.py, what moves in
# blocks_move.py, what is said of failures in blocks_bad.py. RAM: the request (350 bytes).

from .. import parts


class MqttSource:
    """One file of the platform's, in blocks; opened as often as it is resumed.

    MqttSource(device, block_size=4096, gap_ms=100, reply_timeout_ms=10000)

    A Source (https.py), but for deriving from it: that code would only lie beside this.

    device: Device, whose session is used. block_size: int, bytes asked for at once, a multiple of
    4096 up to 131072; the first block of a file is 4096 in any case, since what is in it is acted
    on at once. gap_ms: at least so long from one request to the next; doubled, up to 1 s, each
    time a reply stays away. reply_timeout_ms: how long one is waited for. Raises ValueError for
    another block_size.

    While the device is not connected nothing comes, and nothing is wrong: what was lost is asked
    for again then. readinto() raises AlinkError: TIMEOUT when a reply stays away, BLOCK for one
    that is damaged, BLOCK_REFUSED when the platform answers with an error, HTTP_LENGTH when its
    file has another size, SUBSCRIBE when it does not let the device listen.
    """

    config = None  # it knows by itself how long nothing may come

    device: "Device"  # type: ignore[name-defined]  # noqa: F821
    run: "Generator"  # type: ignore[name-defined]  # noqa: F821
    entry: list
    block: object
    stream: object
    offset: int
    session: int
    unvouched: int

    def __init__(self, *args, **options):
        parts.ask("job.blocks_rest", "fill", self, args, options)

    def open(self, file, offset, size):
        """Get ready to ask for `file` from byte `offset` on. Sends nothing yet. Returns offset, or
        None while the topic is being subscribed to.
        """
        if self.stream is None or self.offset != offset:
            parts.ask("job.blocks_rest", "open", self, file, offset, size)
        device = self.device
        if device.connected and device._signing:
            return None
        return offset

    def readinto(self, buf, n):
        """See Source: up to `n` bytes into buf, the block's last ones once its CRC is right."""
        device = self.device
        if self.session >= 0 and (device.session != self.session or not device.connected):
            return parts.ask("job.blocks_bad", "lost", self)
        if self.run is None:
            self.run = parts.use("job.blocks_move").blocks(self)
        self.buf = buf
        self.n = n
        try:
            n = next(self.run)
        except BaseException as exc:
            return parts.ask("job.blocks_bad", "broken", self, exc)
        return n if n is None or n > 0 else parts.ask("job.blocks_bad", "fault", self, n)

    def close(self):
        """Stop; what still comes of a reply is read past. Again is harmless."""
        entry = self.entry
        if entry is not None:
            link = self.device._link
            if link is not None and self.session >= 0:
                link.claimed = False
                link.left = -abs(link.left)
            topics = self.device._topics
            if self.block is None and entry in topics:
                # The download is over: not asked for in the next session.
                topics.remove(entry)
                self.entry = self.packet = None
        self.session = -1
        self.stream = self.run = self.buf = None
        parts.drop("job.blocks_move")
