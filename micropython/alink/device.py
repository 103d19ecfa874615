# Device: a board's standing connection to the platform. MIT licence.
#
# poll() does it all, one bounded step a call: sign in, subscribe, receive, ping, come back after
# a lost link. No thread, no interrupt, no asyncio. The worst a step can take:
#
#   sign-in    connect_timeout_ms for TCP, TLS, CONNECT and CONNACK together, and the resolution
#              of the host's name before it, to which the chip has no limit
#   writing    ack_timeout_ms, when the other side takes nothing more; then the link is dropped
#   receiving  does not wait; at most one message or 8 KiB, and the time your handler takes
#   idle       microseconds, and no allocation
#
# Here is what an idle board needs. All that is done once a connection is in signin/, what is done
# on trouble in backoff.py and faults.py: loaded, used, let go.

import time

from micropython import const

from . import log, parts
from .errors import AlinkError
from .session import framed

_E_LINK = const(5)
_E_NO_MEMORY = const(84)

_OFF = const(0)  # disconnect() was called: connect() is wanted
_DOWN = const(1)  # not signed in; poll() sees to it when its time has come
_UP = const(2)  # signed in, and every subscription of the sign-in is confirmed

_IN_FLIGHT = const(8)  # QoS 1 messages that may wait for their PUBACK
_PIDS = const(65535)
_SUBSCRIPTIONS = const(100)  # of one device ("Limits", 30527)
_PAUSE_MS = const(2000)

carried = []  # ticks of a registration's attempts: the platform counts them as sign-ins


class Device:
    """The board's identity on the platform, and its MQTT session.

    Device(product_key, device_name, device_secret, host, port=None, *, secure=True, ca=None,
        keepalive=300, client_id=None, sign_method="hmacsha256", timestamp="2524608000000",
        device_token=None, max_message=8192, connect_timeout_ms=10000, ack_timeout_ms=10000,
        ping_ms=60000)

    product_key, device_name, device_secret: the device triple. host: the instance's MQTT
    endpoint. port: int, by default 8883 with TLS and 1883 without. secure: TLS, verified against
    `ca` (see wire.context). keepalive: s, 30..1200. client_id, sign_method, timestamp: see
    credentials.sign. device_token: in place of a device secret (None then), with its client_id,
    what a registration gave to a device that was not listed (registration.py); TLS only.
    max_message: bytes of payload taken; a longer message is skipped. connect_timeout_ms,
    ack_timeout_ms (PUBACK, SUBACK, PINGRESP, writing), ping_ms: int.
    Raises ValueError with the name of a setting that cannot work.

    on_feed: a function or None, called while a step waits (for a watchdog; it must not use the
    Device). error: AlinkError that ended the last session or attempt, None while signed in.
    session: number of completed sign-ins, by which others notice a new one.
    """

    def __init__(self, *args, **settings):
        try:
            account = parts.ask("signin.setup", "account", args, settings)
        finally:
            parts.drop("signin")
        self.product_key, self.device_name, self._account = account
        self.on_feed = self.error = None
        self.session = 0
        self._state = _DOWN
        self._link = None  # a Session
        self._signing = None  # what subscribes, until all is confirmed
        self._settled = self._busy = self._held = False
        self._subscriptions = []  # [filter, handler, qos, asked for in this session]
        self._matches = None  # topics.matches, once a filter has a wildcard
        self._pid = self._last_id = 0
        # For backoff.py: the next attempt is `_wait` ms from `_since` (ticks, also of the sign-in).
        self._wait = self._since = self._failures = 0
        self._starts = carried[:]

    # -- for the application

    @property
    def connected(self):
        """Whether the board is signed in and every subscription of the sign-in is confirmed."""
        return self._state == _UP

    def poll(self):
        """One bounded step (see the head of this file). Network trouble and want of memory never
        leave as an exception: they end in `error`, and poll() signs in again when the time has
        come. From within a message handler it does nothing.
        """
        if self._busy:
            return
        self._busy = True
        try:
            if self._link is not None:
                self._serve()
            elif self._state and not self._held:
                if not 0 <= time.ticks_diff(time.ticks_ms(), self._since) < self._wait:
                    self._sign_in()
        except (OSError, ValueError, AlinkError, MemoryError) as exc:
            self._lost(exc)
        except BaseException:
            # Ctrl-C in the middle of a packet: what follows it could not be understood.
            self._drop()
            raise
        finally:
            self._busy = False

    def connect(self, timeout_ms=30000):
        """Block until signed in and subscribed. Raises AlinkError: at once when trying again would
        not help (REFUSED, SUBSCRIBE, TLS, CLOCK) and while held, else after timeout_ms with the
        last reason; one attempt that has begun may outlast it by connect_timeout_ms. Trying goes
        on in poll().
        """
        parts.ask("blocking", "connect", self, timeout_ms)

    def disconnect(self):
        """Sign off and stay off until connect() is called."""
        self._drop(True)
        self._state = _OFF

    def hold(self):
        """Sign off, and let nothing sign in before resume(): the memory is wanted elsewhere."""
        self._held = True
        self._drop(True)

    def resume(self):
        """Sign in again with the next poll(), unless it was off anyway."""
        self._held = False
        self._wait = 0

    def publish(self, topic, payload, qos=0):
        """Send payload (bytes or str) to a topic -> packet id, 0 for QoS 0; see acked().

        May be called from a message handler. Waits for room in the socket alone, at most
        ack_timeout_ms. Raises AlinkError(LINK) when not connected, when the link breaks
        (NO_MEMORY if for want of memory), or with 8 QoS 1 messages unacknowledged; ValueError for
        a topic or QoS that MQTT does not have.
        """
        if not _plain(topic, qos):
            parts.ask("topics", "check_name", topic, qos)
        link = self._link
        if self._state != _UP:
            raise AlinkError(_E_LINK, "not connected")
        flight = link.flight
        pid = 0
        if qos:
            if len(flight) - (0 in flight) >= _IN_FLIGHT:
                raise AlinkError(_E_LINK, "8 messages wait for their PUBACK")
            pid = link.next_pid()
        topic = topic.encode()
        if isinstance(payload, str):
            payload = payload.encode()
        number = pid.to_bytes(2, "big") if qos else b""
        packet = framed(0x30 | qos << 1, len(topic).to_bytes(2, "big"), topic, number, payload)
        try:
            link.send(packet, len(packet))
        except OSError as exc:
            self._lost(exc)
            code = self.error.code
            raise AlinkError(code if code == _E_NO_MEMORY else _E_LINK, self.error.detail)
        if qos:
            flight[pid] = time.ticks_ms()
        return pid

    def acked(self, pid):
        """Whether the platform has acknowledged the QoS 1 message that publish() gave this packet
        id. Never true for one of a lost session: publish it again. One that stays without answer
        for ack_timeout_ms ends the session.
        """
        link = self._link
        if self._state != _UP or pid <= 0 or (link.pid - pid) % _PIDS >= link.issued:
            return False
        return pid not in link.flight

    def subscribe(self, topic, handler, qos=0):
        """Call handler(topic: str, payload: bytes) for each message on `topic` (str, may hold +
        and #), on this session and all later ones. Sent by poll(); a second call for the same
        filter replaces the handler. An exception in a handler is logged and goes no further. A
        refused subscription is AlinkError(SUBSCRIBE) in `error`, ends the session and is tried
        again in minutes. Raises ValueError for what MQTT or the platform does not allow.
        """
        if not _plain(topic, qos):
            topics = parts.use("topics")
            topics.check_filter(topic, qos)
            self._matches = topics.matches
        subscriptions = self._subscriptions
        for one in subscriptions:
            if one[0] == topic:
                one[1] = handler
                return
        if len(subscriptions) >= _SUBSCRIPTIONS:
            raise ValueError("the platform allows 100 subscriptions")
        subscriptions.append([topic, handler, qos, False])
        self._settled = False

    def next_id(self):
        """A message id no other message of this run has: "1", "2", ..."""
        self._last_id = self._last_id % 0x3FFFFFFF + 1
        return str(self._last_id)

    # -- the steps

    def _sign_in(self):
        self._link = parts.ask("signin.connect", "attempt", self)
        if self._link is not None:
            self._confirm()

    def _confirm(self):
        if self._signing is None:
            self._signing = parts.use("signin.subscribe").confirm(self)
        if next(self._signing):
            self._signing = None
            parts.drop("signin")

    def _serve(self):
        link = self._link
        payload = next(link.found)
        if payload is not None and payload is not True:
            topic = link.topic
            for one in self._subscriptions:
                if one[1] is not None and (
                    one[0] == topic or self._matches is not None and self._matches(one[0], topic)
                ):
                    try:
                        one[1](topic, payload)
                    except Exception as exc:
                        # The application's mistake must not cost it the connection.
                        log.info("handler for", topic, "failed:", type(exc).__name__, exc)
            # The handler may have closed the connection, or lost it while publishing.
            if self._link is link:
                next(link.found)
        if not self._settled and self._link is link:
            self._confirm()

    def _lost(self, exc):
        try:
            parts.ask("backoff", "lost", self, exc)
        except MemoryError:
            self.error = AlinkError(_E_NO_MEMORY)
            self._wait = _PAUSE_MS
            self._since = time.ticks_ms()
        self._drop()

    def _drop(self, bye=False):
        link = self._link
        self._link = self._signing = None
        self._state = min(self._state, _DOWN)
        if link is not None:
            self._pid = link.pid
            if bye:
                try:
                    link.send(b"\xe0\0", 2)
                except (OSError, ValueError) as exc:
                    log.debug("disconnecting:", repr(exc))
            link.close()
        parts.drop("signin")


def _plain(topic, qos):
    # A topic without wildcards, surely right; topics.py knows all of them.
    if not isinstance(topic, str) or not 0 < len(topic) <= 128 or qos not in (0, 1):
        return False
    return not ("+" in topic or "#" in topic or "\0" in topic)
