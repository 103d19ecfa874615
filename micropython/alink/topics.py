# Topics and filters of MQTT: which are legal, what is listened to, and what a filter matches. MIT
# licence.
#
# Loaded for a subscription, and to publish to what is not plainly a topic; it stays where a
# message has come and a filter has wildcards.

from micropython import const

_MAX = const(65535)  # bytes in a UTF-8 string of MQTT
_SUBSCRIPTIONS = const(100)  # of one device ("Limits", 30527)


def subscribe(device, topic, handler, qos):
    """See Device.subscribe()."""
    levels = _levels(topic, qos)
    for i in range(len(levels)):
        level = levels[i]
        if ("+" in level and level != "+") or (
            "#" in level and (level != "#" or i + 1 < len(levels))
        ):
            raise ValueError("topic %r: + fills a whole level, # stands alone at the end" % topic)
    for one in device._topics:
        if one[0] == topic:
            one[1] = handler
            return
    if len(device._topics) >= _SUBSCRIPTIONS:
        raise ValueError("the platform allows %d subscriptions" % _SUBSCRIPTIONS)
    device._topics.append([topic, handler, qos, False])
    device._signing = device._signing or True


def publish(topic, qos):
    """Raise ValueError unless `topic` (str) is a name one can publish to with `qos`."""
    _levels(topic, qos)
    if "+" in topic or "#" in topic:
        raise ValueError("topic %r: a message goes to one topic, without + or #" % topic)


def _levels(topic, qos):
    if not isinstance(topic, str) or not topic or "\0" in topic or len(topic.encode()) > _MAX:
        raise ValueError("a topic must be text of 1 to %d bytes" % _MAX)
    if qos not in (0, 1):
        raise ValueError("qos must be 0 or 1")
    return topic.split("/")


def matches(pattern, topic):
    """Whether a message on `topic` is one for the filter `pattern` (MQTT 3.1.1, 4.7)."""
    if pattern == topic:
        return True
    if "+" not in pattern and "#" not in pattern:
        return False
    if topic[0] == "$" and pattern[0] in "+#":
        return False
    wanted = pattern.split("/")
    levels = topic.split("/")
    for i in range(len(wanted)):
        if wanted[i] == "#":
            return True
        if i >= len(levels) or wanted[i] not in ("+", levels[i]):
            return False
    return len(levels) == len(wanted)
