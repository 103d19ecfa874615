# The sign-in up to the CONNACK: name, TCP, TLS, CONNECT. MIT licence.
#
# umqtt.simple (frozen into stock firmware, 1.6 to 1.8) makes the CONNECT; its socket then becomes
# a Session. What else umqtt has is not used: there one half-sent packet blocks for ever, a message
# is read whole whatever its size, and a lost acknowledgement is waited for without end.

import errno
import gc
import time

from micropython import const

from .. import parts
from ..errors import AlinkError
from ..session import Session

_E_REFUSED = const(4)
_E_LINK = const(5)
_E_PROTOCOL = const(8)
_E_NO_MEMORY = const(84)

_IPPROTO_TCP = const(6)
_TCP_NODELAY = const(1)

_STARVING = const(-2500)  # 4,100 bytes: see idf.tight()
_WINDOW_CONNECTS = const(5)  # a minute, see backoff.py

_CONNACK = {
    1: (_E_LINK, "CONNACK 1: the gateway does not speak MQTT 3.1.1"),
    2: (_E_REFUSED, "CONNACK 2: clientId rejected"),
    3: (_E_LINK, "CONNACK 3: service unavailable"),
    4: (_E_REFUSED, "CONNACK 4: user name or password"),
    5: (_E_REFUSED, "CONNACK 5: not authorised (also: keepalive, or secure= for this port)"),
}


def connect(device):
    """Sign the Device in -> its Session, or None: not yet, the platform's limit forbids it.

    Raises as sign_in() does.
    """
    if len(device._starts) >= _WINDOW_CONNECTS:
        wait = parts.ask("backoff", "limit_ms", device)
        if wait:
            device._at = time.ticks_add(time.ticks_ms(), wait)
            return None
    link = sign_in(device, device._settings, device._pid)
    device._at = time.ticks_ms()
    for one in device._topics:
        one[3] = False
    return link


def sign_in(feeder, settings, pid):
    """Connect and sign in -> Session. settings: see setup.py. feeder: has on_feed, called while it
    waits, and _starts (list), which gets the ticks of the attempt. pid: see Session.

    Blocks up to connect_timeout_ms plus the name's resolution, which has no limit on the chip.
    Raises AlinkError for the clock (CLOCK), for the gateway's answer (REFUSED, LINK, PROTOCOL),
    and for one that there was no room for (NO_MEMORY); OSError, ValueError for a certificate,
    MemoryError. Nothing is left open then.
    """
    host, port, secure, ca, signed, keepalive, times, most = settings
    context = parts.ask("signin.tls", "context", ca) if secure else None
    feeder._starts.append(time.ticks_ms())
    simple = parts.use("firmware").find("umqtt.simple")
    connect_ms, ack_ms, ping_ms = times
    door = _MqttDoor(feeder, pid, context, connect_ms, (ack_ms, ping_ms, keepalive * 1000, most))
    client_id, user, password = signed
    client = simple.MQTTClient(client_id, host, port, user, password, keepalive, ssl=door)
    done = False
    try:
        client.connect(True, connect_ms / 1000)
        done = True
    except simple.MQTTException as exc:
        code = exc.args[0] if exc.args else 0
        error = _CONNACK.get(code)
        if error is None:
            error = (_E_PROTOCOL, "CONNACK %s: not an MQTT gateway?" % code)
        raise AlinkError(*error)
    except (IndexError, AssertionError):
        # How umqtt takes a connection that ends, or that answers in another language.
        raise AlinkError(_E_LINK, "no CONNACK: closed, or not an MQTT gateway")
    except (OSError, ValueError) as e:
        little = None
        late = e.errno == errno.ETIMEDOUT if isinstance(e, OSError) else None
        if door.link is not None and late is not False:
            # A handshake that runs out of memory drops what arrives, and ends like this, or cannot
            # verify a certificate. (What it holds is looked at before it is closed. Next to a
            # gateway that says nothing there is more than that, beside large applications, too.)
            little = parts.ask("idf", "tight", _STARVING)
        if little is None:
            raise
        said = "no answer in time" if late else "the certificate is not verified"
        raise AlinkError(_E_NO_MEMORY, "%s, no room for any; %s" % (said, little))
    finally:
        if not done:
            if door.link is not None:
                door.link.close()
            elif client.sock is not None:
                client.sock.close()
        client = simple = None
        parts.drop("firmware")
    return door.link


class _MqttDoor:
    # As umqtt's `ssl` it gets hold of the socket that umqtt made; as its socket it sends in one
    # piece what umqtt writes word by word (each would be a TLS record), and waits for the answer.
    def __init__(self, feeder, pid, context, timeout, limits):
        self.link = None
        self.feeder = feeder
        self.pid = pid
        self.context = context
        self._until = time.ticks_add(time.ticks_ms(), timeout)
        self.limits = limits
        self.data = b""

    def wrap_socket(self, sock, server_hostname):
        parts.release()
        gc.collect()  # it is not to lie between what has led here
        self.link = link = Session(sock, self.feeder, self.pid, self.limits)
        link.allow(time.ticks_diff(self._until, time.ticks_ms()))
        if self.context is not None:
            link.sock = self.context.wrap_socket(
                sock, server_hostname=server_hostname, do_handshake_on_connect=False
            )
        return self

    def write(self, data, n=-1):
        self.data += data if n < 0 else data[:n]

    def read(self, n):
        link = self.link
        link.write(self.data, len(self.data))
        # Without it each QoS 1 message waits 40 ms for the peer's delayed ACK (Nagle). Not in the
        # handshake: each segment that is on its way takes 1,560 bytes of the IDF heap, and two of
        # its messages go as one. (A download writes once.)
        try:
            link.raw.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
        except OSError:
            pass  # this firmware has none
        one = bytearray(1)
        got = b""
        while len(got) < n:
            count = link.sock.readinto(one, 1)
            if count:
                got += one
            elif count is None:
                link.wait()
            else:
                break
        return got
