# The messages on one topic, read piece by piece off the MQTT session, without a heap. MIT licence.
#
# For blocks over MQTT: a message of 128 KiB is never held. What session.py does for it: it stops
# in front of the payload of a claimed message, and reads past one that is not claimed.

from micropython import const

from .. import parts
from ..errors import AlinkError

_CLOSED = const(259)  # see session.py


class Stream:
    """The messages on `topic` (str) of a Device, which subscribes to it with its next poll().

    A message is taken between claim() and release(), its payload read with readinto(); others on
    the topic are read past. One Stream a Device at a time.
    """

    def __init__(self, device, topic):
        device.subscribe(topic, None)
        self._device = device
        self._name = topic
        self._topic = topic.encode()

    @property
    def ready(self):
        """Whether a message can be asked for: signed in, and each subscription confirmed."""
        return self._device.connected and not self._device._signing

    @property
    def refused(self):
        """Whether the platform does not let the Device listen to the topic."""
        for one in self._device._topics:
            if one[0] == self._name:
                return one[2] > 1
        return False

    def claim(self):
        """Take the next message, until release() or the session's end."""
        link = self._device._link
        if link is not None:
            if link.stream is not self._topic:
                link.stream = self._topic
                link.view = memoryview(link.buf)[: len(self._topic)]
            link.claimed = True

    def release(self):
        """Take no message any more; the rest of one under way is read past."""
        link = self._device._link
        if link is not None:
            link.claimed = False
            link.left = -abs(link.left)

    @property
    def left(self):
        """Bytes of the claimed message's payload not read yet (int), -1: none is under way."""
        link = self._device._link
        return link.left if link is not None and link.left > 0 else -1

    def readinto(self, buf, n=-1):
        """Up to `n` bytes (-1: as many as fit) of the claimed message's payload into `buf` -> how
        many, None: nothing is there.

        Never reads past the payload. A link that breaks shows in the Device, not as an exception.
        """
        device = self._device
        link = device._link
        if link is None or link.left <= 0:
            return None
        if n < 0:
            n = len(buf)
        try:
            count = link.sock.readinto(buf, min(n, link.left))
            if count == 0:
                raise parts.ask("faults", "ended", _CLOSED)
        except (OSError, ValueError, AlinkError, MemoryError) as exc:
            device._lost(exc)
            return None
        except BaseException:
            device._drop()  # what follows could not be understood
            raise
        if count:
            link.left -= count
        return count

    def send_prepared(self, packet):
        """Send a message that blocks_rest.prepare() made -> whether it left."""
        device = self._device
        if not device.connected:
            return False
        try:
            device._link.send(packet, len(packet))
        except (OSError, ValueError) as exc:
            device._lost(exc)
            return False
        return True

    def close(self):
        """Forget the topic; what may still come on it is no longer subscribed to next time."""
        self.release()
        topics = self._device._topics
        for one in topics:
            if one[0] == self._name:
                topics.remove(one)
                break
