"""The OTA service as a client of somebody's own MQTT broker, instead of behind the gateway.

`BrokerLink` stands where `Gateway` stands for the service: it hands it what devices send, and
sends what it has for them. Who may sign in, and who may use which topic, is the broker's
business (see mosquitto.py). It keeps one session at the broker, which holds what devices send
with QoS 1 while the service is away; it comes back by itself.

Own packets on asyncio rather than paho-mqtt: the platform's SDK, which the tests run, needs
paho 1, which is no longer kept, and its paho 2 cannot be installed beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tools.cli import Refused
from tools.cloud.clock import Clock
from tools.cloud.identity import Identity
from tools.cloud.mqtt import packets, topics
from tools.cloud.mqtt.service import Service
from tools.cloud.records import Message, Records
from tools.texts import decoded

log = logging.getLogger(__name__)

KEEPALIVE_S = 60
# A connection, a CONNACK, a SUBACK or a PINGRESP that takes longer does not come.
TIMEOUT_S = 10.0
BACKOFF_MIN_S, BACKOFF_MAX_S = 1.0, 60.0
PACKET_BYTES = 256 * 1024
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_ADDRESS = "Give it as mqtt://host:port or mqtts://host:port."
_REFUSALS = {
    1: "it does not speak MQTT 3.1.1",
    2: "it refuses the client ID",
    3: "it is not available",
    4: "wrong user name or password: see --broker-user and --broker-password-file",
    5: "not authorised: see --broker-user and --broker-password-file",
}


@dataclass(frozen=True)
class Broker:
    """Where a broker is and how to sign in there. `ca_file` None: the system's authorities."""

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def parse(
    url: str, user: str | None = None, password_file: Path | None = None, ca: Path | None = None
) -> Broker:
    """A broker from what stands on the command line. Raises Refused."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise Refused(f"{url.rpartition('@')[2]!r} is no address of a broker", _ADDRESS) from None
    if parts.username or parts.password:
        raise Refused(
            "a user or password does not belong into the address",
            "Use --broker-user and --broker-password-file.",
        )
    if not parts.hostname or parts.path.strip("/") or parts.query:
        raise Refused(f"{url!r} is no address of a broker", _ADDRESS)
    password = None
    if password_file is not None:
        if user is None:
            raise Refused("a password needs a user", "Add --broker-user NAME.")
        try:
            password = decoded(password_file.read_bytes(), password_file).strip()
        except OSError as exc:
            raise Refused(f"cannot read {password_file}: {exc}", "Check the path.") from None
    if ca is not None and not ca.is_file():
        raise Refused(f"cannot read {ca}", "Check the path of --broker-ca.")
    return Broker(parts.hostname, port, parts.scheme == "mqtts", user, password, ca)


class _Lost(Exception):
    """The connection cannot go on; the text says why and what to do."""


class BrokerLink:
    """The service's session at a broker. `known(identity)` tells which devices there are."""

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        known: Callable[[Identity], bool],
        records: Records,
        clock: Clock,
    ) -> None:
        self.broker = broker
        self.client_id = client_id
        self.service: Service | None = None
        self.on_connected: Callable[[], object] | None = None
        self.state = "not connected yet"
        self._known = known
        self._records = records
        self._clock = clock
        self._writer: asyncio.StreamWriter | None = None
        self._stopping = False
        self._signed_in = False
        self._subscribed = False
        self._task: asyncio.Task[None] | None = None
        self._ids = itertools.cycle(range(2, 65536))  # 1: SUBSCRIBE
        self._in_flight: dict[int, Message] = {}
        self._pinged = False

    @property
    def connected(self) -> bool:
        """True while messages pass."""
        return self._subscribed

    def start(self) -> None:
        """Sign in, now and again whenever the connection is lost."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Sign off and stay off."""
        self._stopping = True
        task = self._task
        # Before Python 3.12 wait_for() may swallow a cancellation that comes with the data it
        # waits for: ask until it is heard.
        while task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=0.1)

    def send(
        self, identity: Identity, topic: str, payload: bytes, qos: int = 0, *, push: bool = False
    ) -> bool:
        """Hand a message for a device to the broker; False when it is not there.

        Whether the device is, and listens, no broker tells.
        """
        if not self._signed_in or self._writer is None:
            return False
        number = next(self._ids) if qos else 0
        message = self._record("down", identity, topic, qos, payload, number)
        if qos:
            self._in_flight[number] = message
        self._writer.write(packets.publish(topic, payload, qos, number))
        return True

    def _record(
        self, direction: str, identity: Identity, topic: str, qos: int, payload: bytes, number: int
    ) -> Message:
        return self._records.add_message(
            Message(self._clock.time(), direction, str(identity), topic, qos, payload, number)
        )

    # --- the connection ---

    async def _run(self) -> None:
        wait_s = BACKOFF_MIN_S
        while not self._stopping:
            why = await self._session()
            if self._subscribed:
                wait_s = BACKOFF_MIN_S
            self._signed_in = self._subscribed = False
            self._in_flight.clear()
            self.state = f"{why}; trying again in {wait_s:.0f} s"
            self._records.note("broker", "-", f"{self.broker}: {self.state}")
            await self._pause(wait_s)
            wait_s = min(wait_s * 2, BACKOFF_MAX_S)

    async def _pause(self, seconds: float) -> None:
        over = asyncio.Event()
        timer = self._clock.call_later(seconds, over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()

    async def _session(self) -> str:
        """One connection, from its beginning to its end: why it ended."""
        broker = self.broker
        try:
            context = None
            if broker.tls:
                context = ssl.create_default_context(cafile=broker.ca_file)
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(broker.host, broker.port, ssl=context), TIMEOUT_S
            )
        except asyncio.TimeoutError:
            return f"no connection within {TIMEOUT_S:.0f} s: is the address right?"
        except ssl.SSLError as exc:
            return f"its certificate is not trusted ({exc.reason}): see --broker-ca"
        except OSError as exc:
            return f"cannot be reached ({exc.strerror or exc}): is it running there?"
        self._writer = writer
        try:
            await self._talk(reader, writer)
        except packets.Malformed as exc:
            return f"does not speak MQTT: {exc}"
        except (OSError, EOFError) as exc:
            return f"the connection is lost ({exc or type(exc).__name__})"
        except _Lost as exc:
            return str(exc)
        finally:
            self._writer = None
            with contextlib.suppress(OSError):
                writer.write(packets.disconnect())
                writer.close()
        return "it closed the connection"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broker = self.broker
        writer.write(
            packets.connect(self.client_id, KEEPALIVE_S, broker.user, broker.password, clean=False)
        )
        filters = [topic.format(pk="+", dn="+") for topic in topics.TO_CLOUD]
        splitter = packets.Splitter(PACKET_BYTES)
        self._pinged = False
        while True:
            # Until it has subscribed every step is waited for; then silence leads to a ping.
            wait_s = KEEPALIVE_S / 2 if self._subscribed and not self._pinged else TIMEOUT_S
            try:
                data = await asyncio.wait_for(reader.read(65536), wait_s)
            except asyncio.TimeoutError:
                if not self._subscribed or self._pinged:
                    raise _Lost(f"no answer within {TIMEOUT_S:.0f} s") from None
                self._pinged = True
                writer.write(packets.pingreq())
                continue
            if not data:
                return
            for packet in splitter.feed(data):
                if not self._signed_in:
                    code = packets.read_connack(packet)
                    if code != packets.ACCEPTED:
                        raise _Lost(f"refused: {_REFUSALS.get(code, f'code {code}')}")
                    self._signed_in = True
                    writer.write(packets.subscribe(1, [(one, 1) for one in filters]))
                else:
                    self._handle(packet, filters)
            await asyncio.wait_for(writer.drain(), TIMEOUT_S)

    def _handle(self, packet: packets.Packet, filters: list[str]) -> None:
        self._pinged = False
        if packet.kind == packets.PUBLISH:
            self._take(packets.read_publish(packet))
        elif packet.kind == packets.PUBACK:
            message = self._in_flight.pop(packets.read_ack(packet), None)
            if message is not None:
                message.acked = True
                self._records.changed()
        elif packet.kind == packets.SUBACK:
            codes = packets.read_suback(packet)[1]
            refused = [one for one, code in zip(filters, codes, strict=False) if code == 0x80]
            if len(codes) != len(filters):
                raise packets.Malformed(f"a SUBACK with {len(codes)} codes")
            if refused:
                raise _Lost(f"may not subscribe to {', '.join(refused)}: see its access list")
            self._subscribed = True
            self.state = "connected"
            self._records.note("broker", "-", f"{self.broker}: connected as {self.client_id}")
            if self.on_connected is not None:
                self.on_connected()
        elif packet.kind != packets.PINGRESP:
            raise packets.Malformed(f"packet type {packet.kind}")

    def _take(self, publish: packets.Publish) -> None:
        identity = topics.sender(publish.topic)
        if publish.qos and self._writer is not None:
            self._writer.write(packets.puback(publish.packet_id))
        if identity is None:
            return
        if not self._known(identity):
            self._records.note(
                "refused", identity, f"no such device: add it with `device add` ({publish.topic})"
            )
            return
        self._record(
            "up", identity, publish.topic, publish.qos, publish.payload, publish.packet_id
        )
        if self.service is None:
            return
        try:
            self.service.message(identity, publish.topic, publish.payload)
        except Exception as exc:
            # One device's message must not end the service for all of them.
            self._records.violation(identity, "bad message", f"{publish.topic}: {exc!r}")
