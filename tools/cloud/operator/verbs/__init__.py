"""The verbs of `cloud`: one module each, and what all of them take.

Each is written out from its name to its examples, so they are alike, and like those of the same
name in platform/verbs/, on purpose: who changes one sees all of it.
"""

import argparse

from tools.cli import Verb
from tools.cloud.operator import arguments, show
from tools.cloud.operator.verbs import (
    add_device,
    add_product,
    add_release,
    batch,
    cancel,
    confirm,
    device_history,
    device_list,
    device_remove,
    device_show,
    key,
    mosquitto,
    push,
    release_history,
    release_list,
    release_remove,
    release_show,
    serve,
    status,
    task_history,
    task_list,
    task_remove,
    task_show,
    topic_listen,
    topic_send,
    watch,
)

GROUPS = {
    "device": "devices: add, list, show, remove, history",
    "product": "products whose devices register themselves",
    "release": "packages: add, list, show, remove, history",
    "task": "what devices have to do: list, show, remove, history",
    "topic": "applications' own messages",
}
VERBS: tuple[Verb, ...] = (
    serve,
    mosquitto,
    add_device,
    add_product,
    device_list,
    device_show,
    device_remove,
    device_history,
    add_release,
    release_list,
    release_show,
    release_remove,
    release_history,
    key,
    push,
    batch,
    confirm,
    cancel,
    task_list,
    task_show,
    task_remove,
    task_history,
    status,
    watch,
    topic_listen,
    topic_send,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What each verb takes beside its own: where everything is, and in which form it tells."""
    arguments.folder(parser)
    show.add_arguments(parser)
