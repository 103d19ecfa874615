"""The OTA service as a client of somebody's own MQTT broker, instead of behind the gateway.

`BrokerLink` stands where `Gateway` stands for the service: it hands it what devices send, and
sends what it has for them. Who may sign in, and who may use which topic, is the broker's
business (see mosquitto.py). It keeps one session at the broker, which holds what devices send
with QoS 1 while the service is away; it comes back by itself.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from tools.cli import Refused
from tools.cloud.clock import Clock
from tools.cloud.identity import Identity
from tools.cloud.mqtt import topics
from tools.cloud.mqtt.broker import Broker
from tools.cloud.mqtt.paho_loop import PahoLoop
from tools.cloud.mqtt.service import Service
from tools.cloud.records import Message, Records

KEEPALIVE_S = 60  # a broker that is silent for so long is asked, and given up after as long
# A connection, a CONNACK or a SUBACK that takes longer does not come.
TIMEOUT_S = 10.0
BACKOFF_MIN_S, BACKOFF_MAX_S = 1.0, 60.0
_NAME_IT = "see --broker-user and --broker-password-file"
# As paho names what a CONNACK says.
_REFUSALS = {
    "Client identifier not valid": "it refuses the client ID",
    "Server unavailable": "it is not available",
    "Bad user name or password": f"wrong user name or password: {_NAME_IT}",
    "Not authorized": f"not authorised: {_NAME_IT}",
}
_ENDS = {
    "Keep alive timeout": f"no answer to a ping within {KEEPALIVE_S} s",
    "Protocol error": "does not speak MQTT 3.1.1",
}


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
        self.connected = False  # messages pass
        self._known = known
        self._records = records
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._ended: asyncio.Future[str] | None = None
        self._signed_in = False
        self._in_flight: dict[int, Message] = {}
        self._filters = [topic.format(pk="+", dn="+") for topic in topics.TO_CLOUD]
        self._client = self._made()
        self._loop = PahoLoop(self._client, lambda why: self._end(f"does not speak MQTT: {why}"))

    def _made(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            self.client_id,
            clean_session=False,
            reconnect_on_failure=False,
        )
        client.connect_timeout = TIMEOUT_S
        client.username_pw_set(self.broker.user, self.broker.password)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.connect_async(self.broker.host, self.broker.port, KEEPALIVE_S)
        return client

    def start(self) -> None:
        """Sign in, now and again whenever the connection is lost. Raises Refused."""
        if self.broker.tls:
            try:
                context = ssl.create_default_context(cafile=self.broker.ca_file)
            except OSError as exc:  # ssl.SSLError is one, too
                raise Refused(
                    f"{self.broker.ca_file} is no certificate authority: {exc}",
                    "Give --broker-ca one in PEM.",
                ) from None
            self._client.tls_set_context(context)
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Sign off and stay off."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def reaches(self, identity: Identity, topic: str) -> bool:
        """Whether the broker is there: of devices it does not tell."""
        return self._signed_in

    def send(
        self, identity: Identity, topic: str, payload: bytes, qos: int = 0, *, push: bool = False
    ) -> bool:
        """Hand a message for a device to the broker; False when it is not there.

        Whether the device is, and listens, no broker tells.
        """
        if not self._signed_in:
            return False
        number = self._client.publish(topic, payload, qos).mid if qos else 0
        message = self._record("down", identity, topic, qos, payload, number)
        if qos:
            self._in_flight[number] = message
        else:
            self._client.publish(topic, payload)
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
        while True:
            why = await self._session()
            if self.connected:
                wait_s = BACKOFF_MIN_S
            self._signed_in = self.connected = False
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
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._ended = ended
        try:
            await self._loop.open()
        except TimeoutError:
            return f"no connection within {TIMEOUT_S:.0f} s: is the address right?"
        except ssl.SSLError as exc:
            return f"its certificate is not trusted ({exc.reason}): see --broker-ca"
        except OSError as exc:
            return f"cannot be reached ({exc.strerror or exc}): is it running there?"
        timer = self._clock.call_later(TIMEOUT_S, self._check_begun)
        try:
            return await ended
        finally:
            timer.cancel()
            self._loop.close()

    def _check_begun(self) -> None:
        if not self.connected:
            self._end(f"no answer of MQTT within {TIMEOUT_S:.0f} s")

    def _end(self, why: str) -> None:
        # The first one knows best: what follows is that the connection is closed.
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(why)

    # --- what paho tells ---

    def _on_connect(
        self,
        client: Client,
        userdata: object,
        flags: ConnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if code.is_failure:
            self._end(f"refused: {_REFUSALS.get(code.getName(), code.getName())}")
            return
        self._signed_in = True
        client.subscribe([(one, 1) for one in self._filters])

    def _on_subscribe(
        self,
        client: Client,
        userdata: object,
        number: int,
        codes: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        if len(codes) != len(self._filters):
            self._end(f"does not speak MQTT: a SUBACK with {len(codes)} codes")
            return
        refused = [one for one, code in zip(self._filters, codes, strict=True) if code.is_failure]
        if refused:
            self._end(f"may not subscribe to {', '.join(refused)}: see its access list")
            return
        self.connected = True
        self.state = "connected"
        self._records.note("broker", "-", f"{self.broker}: connected as {self.client_id}")
        if self.on_connected is not None:
            self.on_connected()

    def _on_disconnect(
        self,
        client: Client,
        userdata: object,
        flags: DisconnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._end(_ENDS.get(code.getName(), "the connection is lost: it closed it, or went away"))

    def _on_publish(
        self,
        client: Client,
        userdata: object,
        number: int,
        code: ReasonCode,
        properties: Properties,
    ) -> None:
        message = self._in_flight.pop(number, None)
        if message is not None:
            message.acked = True
            self._records.changed()

    def _on_message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        topic, payload = message.topic, bytes(message.payload)
        identity = topics.sender(topic)
        if identity is None:
            return
        if not self._known(identity):
            self._records.note(
                "refused", identity, f"no such device: add it with `device add` ({topic})"
            )
            return
        self._record("up", identity, topic, message.qos, payload, message.mid)
        if self.service is None:
            return
        try:
            self.service.message(identity, topic, payload)
        except Exception as exc:
            # One device's message must not end the service for all of them.
            self._records.violation(identity, "bad message", f"{topic}: {exc!r}")
