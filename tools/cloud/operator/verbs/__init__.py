"""The verbs of `cloud`: one module each."""

from tools.cli import Verb
from tools.cloud.operator.verbs import (
    add_device,
    add_product,
    add_release,
    batch,
    cancel,
    confirm,
    key,
    mosquitto,
    push,
    serve,
    status,
    topic_listen,
    topic_send,
    watch,
)

GROUPS = {
    "device": "add devices",
    "product": "products whose devices register themselves",
    "release": "add packages",
    "topic": "applications' own messages",
}
VERBS: tuple[Verb, ...] = (
    serve,
    mosquitto,
    add_device,
    add_product,
    add_release,
    key,
    push,
    batch,
    confirm,
    cancel,
    status,
    watch,
    topic_listen,
    topic_send,
)
