"""The platform's topics and who may use them ("OTA updates", 89307; "Limits", 30527)."""

from __future__ import annotations

from tools.cloud.identity import Identity

INFORM = "/ota/device/inform/{pk}/{dn}"
UPGRADE = "/ota/device/upgrade/{pk}/{dn}"
PROGRESS = "/ota/device/progress/{pk}/{dn}"
QUERY = "/sys/{pk}/{dn}/thing/ota/firmware/get"
QUERY_REPLY = "/sys/{pk}/{dn}/thing/ota/firmware/get_reply"
BLOCK = "/sys/{pk}/{dn}/thing/file/download"
BLOCK_REPLY = "/sys/{pk}/{dn}/thing/file/download_reply"
NTP = "/ext/ntp/{pk}/{dn}/request"
NTP_REPLY = "/ext/ntp/{pk}/{dn}/response"
_USER = "/{pk}/{dn}/user/#"

# The OTA service's side of a broker: what it listens to, and what it sends.
TO_CLOUD = (INFORM, PROGRESS, QUERY, BLOCK, NTP)
TO_DEVICE = (UPGRADE, QUERY_REPLY, BLOCK_REPLY, NTP_REPLY)
# A device's side, for a broker's access list.
OF_DEVICE = (
    *(("write", topic) for topic in TO_CLOUD),
    *(("read", topic) for topic in TO_DEVICE),
    ("readwrite", _USER),
)

TOPIC_BYTES = 128
TOPIC_SLASHES = 7

# What only the cloud sends, and what it subscribes a device to that signs in with `_ss=1`.
AUTO_SUBSCRIBED = (UPGRADE, QUERY_REPLY)


def name(template: str, identity: Identity) -> str:
    """A topic of this device."""
    return template.format(pk=identity.product_key, dn=identity.device_name)


def sender(topic: str) -> Identity | None:
    """Who sent a message to the cloud on this topic; None for any other topic."""
    levels = topic.split("/")
    for template in TO_CLOUD:
        parts = template.split("/")
        if len(parts) == len(levels):
            found = {p: given for p, given in zip(parts, levels, strict=True) if p != given}
            if set(found) == {"{pk}", "{dn}"}:
                return Identity(found["{pk}"], found["{dn}"])
    return None


def within_limits(topic: str) -> bool:
    """At most 128 bytes and 7 slashes."""
    return len(topic.encode()) <= TOPIC_BYTES and topic.count("/") <= TOPIC_SLASHES


def is_own(topic: str, identity: Identity) -> bool:
    """True for a topic, or a filter, that can only ever name this device, or all of its product.

    The device's name stands behind a service's (`/sys/{pk}/{dn}/...`, user topics
    `/{pk}/{dn}/user/...`) or at the end of the older ones (`/ota/device/inform/{pk}/{dn}`).
    """
    levels = topic.split("/")
    own = [identity.product_key, identity.device_name]
    if levels[0] or len(levels) < 4:
        return False
    if levels[1:3] == ["broadcast", own[0]]:
        return True
    if levels[1:3] == own:
        return levels[3] == "user" and len(levels) > 4
    if levels[1] == "sys":
        return levels[2:4] == own and len(levels) > 4
    if levels[1:3] == ["ota", "device"]:
        return levels[3] not in ("+", "#") and levels[4:] == own
    if levels[1] in ("ext", "shadow"):
        return (
            own[0] in levels
            and levels[levels.index(own[0]) :][:2] == own
            and ("+" not in levels[: levels.index(own[0])])
        )
    return False


def may_publish(topic: str, identity: Identity) -> bool:
    """True when the device may send to this topic."""
    if topic.startswith("/broadcast/"):
        return False
    return is_own(topic, identity) and topic not in [name(t, identity) for t in TO_DEVICE]
