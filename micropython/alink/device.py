# Device: a board's standing connection to the platform. MIT licence.
#
# poll() does it all, one bounded step a call: sign in, subscribe, receive, ping, come back after
# a lost link. No thread, no interrupt, no asyncio. The worst a step can take:
#
#   sign-in    connect_timeout_ms for TCP, TLS, CONNECT and CONNACK together, and the resolution
#              of the host's name before it, to which the chip has no limit
#              (a certificate refused for its dates costs the asking of NTP: 1 s more)
#   writing    ack_timeout_ms, when the other side takes nothing more; then the link is dropped
#   receiving  does not wait; at most one message or 8 KiB, and the time your handler takes
#   idle       microseconds, and no allocation
#
# Here is what an idle board needs. What is done once a connection is in signin/, what is done on
# trouble in backoff.py and faults.py: loaded, used, let go.

import time

from micropython import const

from . import log, parts
from .errors import AlinkError
from .session import framed

_E_LINK = const(5)
_E_NO_MEMORY = const(84)

_OFF = const(1)  # disconnect() was called: nothing signs in before connect(); 2: before resume()

_IN_FLIGHT = const(8)  # QoS 1 messages that may wait for their PUBACK
_PIDS = const(65535)
_TOPIC = const(128)  # bytes, as the platform has them
_PAUSE_MS = const(2000)
_LONGEST_MS = const(375000)  # that backoff.py waits


class Device:
    """The board's identity on the platform, and its MQTT session.

    Device(product_key, device_name, device_secret, host, port=None, *, secure=True, ca=None,
        keepalive=300, client_id=None, sign_method="hmacsha256", timestamp="2524608000000",
        device_token=None, max_message=32768, connect_timeout_ms=10000, ack_timeout_ms=10000,
        ping_ms=60000)

    product_key, device_name, device_secret: the device triple. host: the instance's MQTT
    endpoint. port: int, by default 8883 with TLS and 1883 without. secure: TLS, verified against
    `ca` (see signin/tls.py). keepalive: s, 30..1200. client_id, sign_method, timestamp: see
    signin/credentials.py. device_token: in place of a device secret (None then), with its
    client_id, what a registration gave to a device that was not listed (registration.py); TLS
    only. max_message: bytes of payload taken (an offer of 20 files has 20 KB); a longer message is
    skipped, a longer offer answered with -1. connect_timeout_ms,
    ack_timeout_ms (PUBACK, SUBACK, PINGRESP, writing), ping_ms: int.
    Raises ValueError with the name of a setting that cannot work.

    connected: bool, signed in, and every subscription of the sign-in is confirmed. error:
    AlinkError that ended the last session or attempt, None while signed in. session: number of
    completed sign-ins, by which others notice a new one. on_feed: a function or None, called while
    a step waits (for a watchdog; it must not use the Device).
    """

    _pid = 0  # the last packet id of the session before, if there was one

    def __init__(self, *args, **settings):
        # What is read here. All else, and what it begins with, is made in signin/setup.py: that
        # code is not kept.
        self.connected = self._busy = False
        self._off = self._id = 0
        self._at = 0  # ticks when the next attempt is due; while signed in, of the sign-in
        self._link = self.error = None  # a Session
        self._topics = []  # [filter, handler, qos, whether this session has asked for it]
        self._signing = True  # type: object  # or what subscribes; False: all is confirmed
        try:
            parts.ask("signin.setup", "fill", self, args, settings)
        finally:
            parts.drop("signin")

    # -- for the application

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
            # (What seems to lie further ahead was due days ago: ticks wrap.)
            elif not self._off and not (
                0 < time.ticks_diff(self._at, time.ticks_ms()) <= _LONGEST_MS
            ):
                self._link = parts.ask("signin.connect", "connect", self)
            if self._signing and self._link is not None:
                if self._signing is True:
                    self._signing = parts.use("signin.subscribe").subscribe(self)
                if next(self._signing):  # type: ignore[call-overload]
                    self._signing = False
                    parts.drop("signin")
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
        not help (REFUSED, SUBSCRIBE, TLS, CLOCK), else after timeout_ms with the last reason; one
        attempt that has begun may outlast it by connect_timeout_ms. Trying goes on in poll().
        While held for a download it returns at once.
        """
        parts.ask("blocking", "connect", self, timeout_ms)

    def disconnect(self):
        """Sign off and stay off until connect() is called."""
        self._drop(True)
        self._off |= _OFF

    def resume(self):
        """Sign in again with the next poll(), unless it was off anyway."""
        self._off &= _OFF
        self._at = time.ticks_ms()

    def publish(self, topic, payload, qos=0):
        """Send payload (bytes or str) to a topic -> packet id, 0 for QoS 0; see acked().

        May be called from a message handler. Waits for room in the socket alone, at most
        ack_timeout_ms. Raises AlinkError(LINK) when not connected, when the link breaks
        (NO_MEMORY if for want of memory), or with 8 QoS 1 messages unacknowledged; ValueError for
        a topic or QoS that MQTT does not have.
        """
        # What is plainly a topic needs no more.
        if (
            not isinstance(topic, str)
            or not 0 < len(topic) <= _TOPIC
            or qos not in (0, 1)
            or "+" in topic
            or "#" in topic
            or "\0" in topic
        ):
            parts.ask("topics", "publish", topic, qos)
        if not self.connected:
            raise AlinkError(_E_LINK, "not connected")
        link = self._link
        waiting = link.waiting
        pid = 0
        number = b""
        if qos:
            if len(waiting) - (0 in waiting) >= _IN_FLIGHT:
                raise AlinkError(_E_LINK, "8 messages wait for their PUBACK")
            pid = link.pid
            while not number or pid in waiting:
                link.pid = pid = pid % _PIDS + 1
                link.issued += 1
                number = pid.to_bytes(2, "big")
        # (As bytes, without a copy.)
        topic = memoryview(topic)
        payload = memoryview(payload)
        packet = framed(0x30 | qos << 1, len(topic).to_bytes(2, "big"), topic, number, payload)
        self._send(packet)
        if qos:
            waiting[pid] = time.ticks_ms()
        return pid

    def _send(self, packet):
        """Send a whole packet (bytearray), as publish() does: for the package's own."""
        try:
            self._link.send(packet, len(packet))
        except OSError as exc:
            self._lost(exc)
            code = self.error.code
            raise AlinkError(code if code == _E_NO_MEMORY else _E_LINK, self.error.detail)

    def acked(self, pid):
        """Whether the platform has acknowledged the QoS 1 message that publish() gave this packet
        id. Never true for one of a lost session: publish it again. One that stays without answer
        for ack_timeout_ms ends the session.
        """
        link = self._link
        if not self.connected or pid <= 0 or (link.pid - pid) % _PIDS >= link.issued:
            return False
        return pid not in link.waiting

    def subscribe(self, topic, handler, qos=0):
        """Call handler(topic: str, payload: bytes) for each message on `topic` (str, may hold +
        and #), on this session and all later ones. Sent by poll(); a second call for the same
        filter replaces the handler. An exception in a handler is logged and goes no further. A
        refused subscription is AlinkError(SUBSCRIBE) in `error`, ends the session and is tried
        again in minutes. Raises ValueError for what MQTT or the platform does not allow.
        """
        parts.ask("topics", "subscribe", self, topic, handler, qos)

    def next_id(self):
        """A message id no other message of this run has: "1", "2", ..."""
        self._id = self._id % 0x3FFFFFFF + 1
        return str(self._id)

    # -- the steps

    def _serve(self):
        link = self._link
        payload = next(link.recv)
        if payload is not None and payload is not True:
            topic = link.topic
            for one in self._topics:
                handler = one[1]
                if handler is not None and (
                    one[0] == topic
                    or (
                        ("+" in one[0] or "#" in one[0])
                        and parts.use("topics").matches(one[0], topic)
                    )
                ):
                    try:
                        handler(topic, payload)
                    except Exception as exc:
                        # The application's mistake must not cost it the connection.
                        log.failed("handler " + topic, exc)
            # The handler may have closed the connection, or lost it while publishing.
            if self._link is link:
                next(link.recv)

    def _lost(self, exc):
        try:
            # (One after the other: each is large.)
            news = parts.ask("backoff", "lost", self, parts.ask("faults", "named", exc))
            self._drop()
            if news:
                log.info("not connected:", self.error)
        except MemoryError:
            self.error = AlinkError(_E_NO_MEMORY)
            self._at = time.ticks_add(time.ticks_ms(), _PAUSE_MS)
        self._drop()

    def _drop(self, flag=False):
        # flag: say good-bye.
        link = self._link
        self._link = None
        self._signing = True
        self.connected = False
        if link is not None:
            self._pid = link.pid
            if flag:
                try:
                    link.send(b"\xe0\0", 2)
                except (OSError, ValueError):
                    pass  # it is closed anyway
            link.close()
        parts.drop("signin")
