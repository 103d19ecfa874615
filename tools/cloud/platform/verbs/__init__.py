"""The verbs of `cloud --at PLACE`: one module each."""

from tools.cloud.platform.verbs import (
    device_list,
    device_status,
    device_versions,
    release_list,
    release_publish,
    release_remove,
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
)

GROUPS = {
    "release": "packages",
    "rollout": "updates of many devices",
    "device": "devices",
    "task": "what each device has to do",
}
VERBS = (
    release_publish,
    release_verify,
    release_list,
    release_remove,
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
    device_status,
    device_versions,
    task_list,
    task_history,
)
