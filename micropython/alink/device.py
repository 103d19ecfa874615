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

import time

from micropython import const

from . import credentials, errors, log, mqtt_reader, mqtt_session, tls, topics
from .backoff import Backoff
from .errors import AlinkError

_OFF = const(0)  # disconnect() was called: connect() is wanted
_DOWN = const(1)  # no connection; poll() makes one when its time has come
_SUBSCRIBING = const(2)  # signed in, not every SUBACK is there
_UP = const(3)

_FILTERS = const(8)  # in one SUBSCRIBE ("Limits", 30527)
_SUBSCRIPTIONS = const(100)  # of one device (same page)
_STABLE_MS = const(60000)  # a session that lasted this long ends a row of failures
_IDLE_MS = const(5)  # connect()'s rest between two polls
_SLOW = (errors.REFUSED, errors.SUBSCRIBE)  # nothing that waiting mends: try again in minutes


class Device:
    """The board's identity on the platform, and its MQTT session.

    product_key, device_name, device_secret: the device triple. host: the instance's MQTT
    endpoint. port: int, by default 8883 with TLS and 1883 without. secure: TLS, verified against
    `ca` (see tls.context). keepalive: s, 30..1200. client_id, sign_method, timestamp: see
    credentials.sign. device_token: in place of a device secret (None then), with its client_id,
    what a registration gave to a device that was not listed (registration.py); TLS only.
    max_message: bytes of payload taken; a longer message is skipped. connect_timeout_ms,
    ack_timeout_ms (PUBACK, SUBACK, PINGRESP, writing), ping_ms: int.
    Raises ValueError with the name of a setting that cannot work.

    on_feed: a function or None, called while a step waits (for a watchdog; it must not use the
    Device). error: AlinkError that ended the last session or attempt, None while signed in.
    session: number of completed sign-ins, by which others notice a new one.
    """

    def __init__(
        self,
        product_key,
        device_name,
        device_secret,
        host,
        port=None,
        *,
        secure=True,
        ca=None,
        keepalive=300,
        client_id=None,
        sign_method="hmacsha256",
        timestamp="2524608000000",
        device_token=None,
        max_message=8192,
        connect_timeout_ms=10000,
        ack_timeout_ms=10000,
        ping_ms=60000,
    ):
        credentials.check("host", host)
        if "/" in host or ":" in host:
            raise ValueError("host must be a bare name or address; the port is its own argument")
        _check("keepalive", keepalive, 30, 1200, "s; the platform refuses others")
        _check("max_message", max_message, 1, 1 << 20, "bytes")
        _check("connect_timeout_ms", connect_timeout_ms, 100, 600000, "ms")
        _check("ack_timeout_ms", ack_timeout_ms, 100, 600000, "ms")
        _check("ping_ms", ping_ms, 100, keepalive * 1000, "ms; keepalive is the upper limit")
        if port is None:
            port = 8883 if secure else 1883
        _check("port", port, 1, 65535, "")
        self.product_key = product_key
        self.device_name = device_name
        self.on_feed = None
        self.error = None
        self.session = 0
        self._secure = secure
        self._ca = None if ca is None else tls.to_der(ca)
        self._context = None
        self._connect_ms = connect_timeout_ms
        self._ack_ms = ack_timeout_ms
        # Signed once: the secret itself is not kept.
        if device_token is not None and device_secret is None:
            if not secure:
                raise ValueError("a device_token goes over TLS only: secure must be True")
            signed = credentials.by_token(product_key, device_name, client_id, device_token)
        else:
            signed = credentials.sign(
                product_key,
                device_name,
                device_secret,
                client_id=client_id,
                sign_method=sign_method,
                timestamp=timestamp,
                secure=secure,
            )
        self._link = mqtt_session.Session(
            signed, host, port, keepalive, self, max_message, ack_timeout_ms, ping_ms
        )
        self._backoff = Backoff()
        self._subscriptions = []  # [filter, handler, qos]
        self._asked = 0  # how many of them this session has sent,
        self._asked_from = 0  # of these, the first one of the SUBSCRIBE sent last
        self._suback = 0  # packet id of the SUBSCRIBE that waits, or 0
        self.stream_refused = False
        self._changed_at = 0  # ticks of the last sign-in, or SUBSCRIBE
        self._stable = False
        self._busy = False
        self._last_id = 0
        self._state = _DOWN

    # -- for the application

    @property
    def connected(self):
        """Whether the board is signed in and every subscription of the sign-in is confirmed."""
        return self._state == _UP

    def poll(self):
        """One bounded step (see the head of this file). Network trouble never leaves as an
        exception: it ends in `error`, and poll() signs in again when the time has come. From
        within a message handler it does nothing.
        """
        if self._busy:
            return
        self._busy = True
        try:
            if self._state >= _SUBSCRIBING:
                self._serve()
            elif self._state == _DOWN and self._backoff.wait_ms() == 0:
                self._sign_in()
        except (OSError, ValueError, AlinkError) as exc:
            self._lost(tls.tls_error(exc))
        except MemoryError:
            self._lost(AlinkError(errors.LINK, "no memory for a packet"))
        except BaseException:
            # Ctrl-C in the middle of a packet: what follows it could not be understood.
            self._abandon()
            raise
        finally:
            self._busy = False

    def connect(self, timeout_ms=30000):
        """Block until signed in and subscribed. Raises AlinkError: at once when trying again would
        not help (REFUSED, SUBSCRIBE, TLS, CLOCK), else after timeout_ms with the last reason; one
        attempt that has begun may outlast it by connect_timeout_ms. Trying goes on in poll().
        """
        if self._busy:
            raise RuntimeError("connect() was called from a message handler: let poll() do it")
        began = time.ticks_ms()
        if self._state == _OFF:
            self._state = _DOWN
        if self._state == _DOWN:
            self._backoff.now()
            self.error = None
        while self._state != _UP:
            self.poll()
            if self._state == _UP:
                return
            error = self.error if self._state == _DOWN else None
            if error is not None and error.code in (
                errors.REFUSED,
                errors.SUBSCRIBE,
                errors.TLS,
                errors.CLOCK,
            ):
                raise error
            if time.ticks_diff(time.ticks_ms(), began) >= timeout_ms:
                raise error or AlinkError(errors.TIMEOUT, self._backoff.reason())
            if self.on_feed is not None:
                self.on_feed()
            time.sleep_ms(_IDLE_MS)

    def disconnect(self):
        """Sign off and stay off until connect() is called."""
        self._state = _OFF
        self._link.disconnect()

    def publish(self, topic, payload, qos=0):
        """Send payload (bytes or str) to a topic -> packet id, 0 for QoS 0; see acked().

        May be called from a message handler. Waits for room in the socket alone, at most
        ack_timeout_ms. Raises AlinkError(LINK) when not connected, when the link breaks, or with
        8 QoS 1 messages unacknowledged; ValueError for a topic or QoS that MQTT does not have.
        """
        topics.check_name(topic)
        _check("qos", qos, 0, 1, "")
        if self._state != _UP:
            raise AlinkError(errors.LINK, "not connected")
        if isinstance(payload, str):
            payload = payload.encode()
        try:
            return self._link.publish(topic.encode(), payload, qos=qos)
        except OSError as exc:
            error = tls.tls_error(exc)
            self._lost(error)
            raise AlinkError(errors.LINK, "publishing: " + error.detail)

    def acked(self, pid):
        """Whether the platform has acknowledged the QoS 1 message that publish() gave this packet
        id. Never true for one of a lost session: publish it again. One that stays without answer
        for ack_timeout_ms ends the session.
        """
        return self._state == _UP and self._link.acked(pid)

    def subscribe(self, topic, handler, qos=0):
        """Call handler(topic: str, payload: bytes) for each message on `topic` (str, may hold +
        and #), on this session and all later ones. Sent by poll(); a second call for the same
        filter replaces the handler. An exception in a handler is logged and goes no further. A
        refused subscription is AlinkError(SUBSCRIBE) in `error`, ends the session and is tried
        again in minutes. Raises ValueError for what MQTT or the platform does not allow.
        """
        topics.check_filter(topic)
        _check("qos", qos, 0, 1, "")
        for one in self._subscriptions:
            if one[0] == topic:
                one[1] = handler
                return
        if len(self._subscriptions) >= _SUBSCRIPTIONS:
            raise ValueError("the platform allows %d subscriptions" % _SUBSCRIPTIONS)
        self._subscriptions.append([topic, handler, qos])

    # -- for a download in messages of one topic (see mqtt_source.py), without a heap

    def stream(self, topic):
        """Take the messages on `topic` (str) piece by piece instead of whole; again is harmless.

        One topic a Device. Sent by poll() like a subscription; refused it does not end the
        session, but sets stream_refused.
        """
        self.subscribe(topic, None)
        self._link.reader.expect(topic.encode())

    @property
    def stream_ready(self):
        """Whether a message can be asked for: signed in, and each subscription confirmed."""
        return self._state == _UP and not self._suback and self._asked == len(self._subscriptions)

    def claim(self):
        """Take the next message on the streamed topic, until release() or the session's end."""
        self._link.reader.claimed = True

    def release(self):
        """No longer wait for a streamed message; the rest of one under way is read past."""
        self._link.reader.release()

    @property
    def stream_left(self):
        """Bytes of the claimed message's payload not read yet (int), -1: none is under way."""
        return self._link.reader.left

    def readinto(self, buf, n):
        """Up to `n` bytes of the claimed message's payload -> how many, None: nothing there.

        A link that breaks shows in `connected`, not as an exception.
        """
        try:
            return self._link.stream_into(buf, n)
        except (OSError, ValueError, AlinkError) as exc:
            self._lost(tls.tls_error(exc))
            return None
        except BaseException:
            self._abandon()
            raise

    def prepare(self, topic, payload):
        """A message (str, bytes) of QoS 0 as the bytearray for send_prepared(); the payload is at
        its end, to be changed in place.
        """
        return mqtt_session.prepared(topic.encode(), payload)

    def send_prepared(self, packet):
        """Send a message that prepare() made -> whether it left."""
        if self._state != _UP:
            return False
        try:
            self._link.send_prepared(packet)
        except (OSError, ValueError) as exc:
            self._lost(tls.tls_error(exc))
            return False
        return True

    def next_id(self):
        """A message id no other message of this run has: "1", "2", ..."""
        self._last_id = self._last_id % 0x3FFFFFFF + 1
        return str(self._last_id)

    # -- the steps

    def _sign_in(self):
        if self._secure:
            try:
                tls.check_clock()
            except AlinkError as exc:
                self._fail(exc)
                self._backoff.soon()
                return
            if self._context is None:
                self._context = tls.context(self._ca)
        self._backoff.started()
        self._link.sign_in(self._connect_ms, self._context)
        self._asked = self._suback = 0
        self._stable = False
        self._changed_at = time.ticks_ms()
        self._state = _SUBSCRIBING
        if not self._subscriptions:
            self._signed_in()

    def _signed_in(self):
        self._state = _UP
        self.session += 1
        self.error = None
        log.info("signed in as", self.device_name)

    def _serve(self):
        link = self._link
        now = time.ticks_ms()
        if not self._suback and self._asked < len(self._subscriptions):
            self._subscribe(now)
        if link.ping_is_due(now):
            link.ping()
        found = link.check_msg()
        if found == mqtt_reader.MESSAGE:
            self._dispatch(link.reader.topic, link.reader.payload, link.reader.pid)
        elif found == mqtt_reader.SUBACK:
            self._subscribed(link.reader.pid, link.reader.codes)
        elif found == mqtt_reader.NOTHING:
            now = time.ticks_ms()
            link.check_deadlines(now)
            if self._suback and time.ticks_diff(now, self._changed_at) > self._ack_ms:
                raise AlinkError(errors.TIMEOUT, "no SUBACK")
            if not self._stable and not 0 <= time.ticks_diff(now, self._changed_at) <= _STABLE_MS:
                self._stable = True
                self._backoff.reset()

    def _subscribe(self, now):
        wanted = self._subscriptions[self._asked : self._asked + _FILTERS]
        self._suback = self._link.subscribe_all([(one[0].encode(), one[2]) for one in wanted])
        self._asked_from = self._asked
        self._asked += len(wanted)
        self._changed_at = now

    def _subscribed(self, pid, codes):
        if pid != self._suback:
            return
        self._suback = 0
        first = self._asked_from
        if len(codes) != self._asked - first:
            raise AlinkError(errors.PROTOCOL, "SUBACK with %d codes" % len(codes))
        for i in range(len(codes)):
            one = self._subscriptions[first + i]
            if one[1] is None:
                self.stream_refused = codes[i] == 0x80
            elif codes[i] == 0x80:
                raise AlinkError(errors.SUBSCRIBE, one[0])
        if self._asked == len(self._subscriptions) and self._state == _SUBSCRIBING:
            self._signed_in()

    def _dispatch(self, topic, payload, pid):
        for one in self._subscriptions:
            if one[1] is not None and topics.matches(one[0], topic):
                try:
                    one[1](topic, payload)
                except Exception as exc:
                    # The application's mistake must not cost it the connection.
                    log.info("handler for", topic, "failed:", type(exc).__name__, exc)
        # The handler may have closed the connection, or lost it while publishing.
        if pid and self._state >= _SUBSCRIBING:
            self._link.puback(pid)

    def _abandon(self):
        # What follows could not be understood.
        self._link.drop()
        self._state = min(self._state, _DOWN)

    def _lost(self, error):
        self._fail(error)
        self._backoff.failed(error.code in _SLOW)

    def _fail(self, error):
        self._link.drop()
        if self._state != _OFF:
            self._state = _DOWN
        if self.error is None or self.error.text() != error.text():
            log.info("not connected:", error)
        self.error = error


def _check(name, value, low, high, unit):
    if not isinstance(value, int) or not low <= value <= high:
        raise ValueError("%s must be %d to %d %s" % (name, low, high, unit))
