"""The verbs of `cloud --at PLACE`: one module each, and what all of them take.

Alike on purpose: see operator/verbs/.
"""

import argparse

from tools.cloud.operator import show
from tools.cloud.platform import place
from tools.cloud.platform.verbs import (
    device_history,
    device_list,
    device_remove,
    device_show,
    device_status,
    device_versions,
    release_history,
    release_list,
    release_publish,
    release_remove,
    release_show,
    release_verify,
    rollout_cancel,
    rollout_confirm,
    rollout_list,
    rollout_pause,
    rollout_resume,
    rollout_run,
    rollout_start,
    rollout_stop,
    rollout_watch,
    task_history,
    task_list,
    task_remove,
    task_show,
    topic_listen,
    topic_send,
)

GROUPS = {
    "release": "packages",
    "rollout": "updates of many devices",
    "device": "devices",
    "task": "what each device has to do",
    "topic": "applications' own messages",
}
VERBS = (
    release_publish,
    release_verify,
    release_list,
    release_show,
    release_remove,
    release_history,
    rollout_start,
    rollout_list,
    rollout_watch,
    rollout_confirm,
    rollout_cancel,
    rollout_run,
    rollout_pause,
    rollout_resume,
    rollout_stop,
    device_list,
    device_show,
    device_remove,
    device_history,
    device_status,
    device_versions,
    task_list,
    task_show,
    task_remove,
    task_history,
    topic_send,
    topic_listen,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What each verb takes beside its own: where it is done, and in which form it tells."""
    place.add_arguments(parser)
    show.add_arguments(parser)
