"""What update batches and device tasks have come to, and their end.

QueryOTAJob, ListOTAJobByFirmware, ListOTAJobByDevice, ListOTATaskByJob,
ListOTAUnfinishedTaskByDevice, ConfirmOTATask, CancelOTAStrategyByJob, CancelOTATaskByJob,
CancelOTATaskByDevice.
"""

from __future__ import annotations

from typing import Any

from tools.cloud.openapi.errors import illegal
from tools.cloud.openapi.ledger import VERIFY, Job
from tools.cloud.openapi.parameters import Parameters
from tools.cloud.openapi.services import Services, paged
from tools.cloud.openapi.times import utc
from tools.cloud.ota.batches import terms_of
from tools.cloud.store import UNFINISHED, Batch, Task

NAMES_MAX = 200
_STATES = (*UNFINISHED, "SUCCEEDED", "FAILED", "CANCELED")
_CANCELLED = "cancelled by the operator"


# --- batches ---


def query_job(services: Services, given: Parameters) -> dict[str, Any]:
    """One batch and its terms."""
    job, batch = services.job(given.text("JobId"))
    terms = terms_of(batch)
    firmware = services.ledger.firmware(job.firmware)
    data = {
        **_job_said(services, job, batch),
        "Name": firmware.name if firmware is not None else "",
        "DestVersion": batch.version,
        "DownloadProtocol": terms.scheme.upper(),
        "NeedConfirm": terms.confirm,
        "NeedPush": terms.push,
        "OverwriteMode": 2 if terms.override else 1,
        "MaximumPerMinute": terms.rate,
        "TimeoutInMinutes": terms.timeout_min,
        "RetryInterval": terms.retry_after_min,
        "RetryCount": terms.retry_times if terms.retry_after_min is not None else None,
        "SrcVersions": {"SrcVersion": list(terms.sources)},
        "GrayPercent": job.given.get("GrayPercent"),
        "MultiModuleMode": bool(job.given.get("MultiModuleMode")),
        "DynamicMode": (2 if terms.later else 1) if batch.dynamic else None,
    }
    for name, when in (("UtcScheduleTime", terms.starts), ("UtcScheduleFinishTime", terms.ends)):
        if when is not None:
            data[name] = utc(when)
    return {"Data": {name: value for name, value in data.items() if value is not None}}


def list_jobs_by_firmware(services: Services, given: Parameters) -> dict[str, Any]:
    """The batches of a package, the newest first."""
    firmware, _ = services.firmware(given.text("FirmwareId"))
    found = [job for job in _jobs(services) if job.firmware == firmware.id]
    return _jobs_page(services, found, given)


def list_jobs_by_device(services: Services, given: Parameters) -> dict[str, Any]:
    """The batches of a package that a device is or was in, the newest first."""
    firmware, _ = services.firmware(given.text("FirmwareId"))
    device = services.device(given)
    numbers = {
        task.batch
        for task in services.store.tasks(
            "pk = ? and dn = ?", device.product_key, device.device_name
        )
    }
    found = [
        job for job in _jobs(services) if job.firmware == firmware.id and job.batch in numbers
    ]
    return _jobs_page(services, found, given)


def _jobs(services: Services) -> list[Job]:
    return list(reversed(services.ledger.jobs(services.clock.time())))


def _jobs_page(services: Services, found: list[Job], given: Parameters) -> dict[str, Any]:
    page, said = paged(found, given.page())
    infos = [_job_said(services, job, services.rollout.batches.batch(job.batch)) for job in page]
    return {**said, "Data": {"SimpleOTAJobInfo": infos}}


def _job_said(services: Services, job: Job, batch: Batch) -> dict[str, Any]:
    terms = terms_of(batch)
    state, changed = _job_state(services, batch)
    said = {
        "JobId": job.id,
        "JobStatus": state,
        "JobType": job.kind,
        "FirmwareId": job.firmware,
        "ProductKey": batch.product_key,
        "SelectionType": "DYNAMIC" if batch.dynamic else "STATIC",
        "TargetSelection": job.given.get("TargetSelection")
        or ("SPECIFIC" if terms.devices or job.kind == VERIFY else "ALL"),
        "Tags": {
            "OtaTagDTO": [
                {"Key": key, "Value": value} for key, value in job.given.get("Tags", {}).items()
            ]
        },
        "UtcCreate": utc(batch.created),
        "UtcModified": utc(changed),
        "UtcStartTime": utc(batch.created if terms.starts is None else terms.starts),
    }
    if state in ("COMPLETED", "CANCELED"):
        said["UtcEndTime"] = utc(changed)
    return said


def _job_state(services: Services, batch: Batch) -> tuple[str, float]:
    """(JobStatus, when it was changed last)."""
    changed = services.store.batch_changed(batch.id) or batch.created
    starts = terms_of(batch).starts
    if batch.state == "CANCELED":
        return "CANCELED", changed
    if batch.state != "RUNNING":
        return "COMPLETED", changed
    if starts is not None and starts > services.clock.time():
        return "PLANNED", changed
    if batch.dynamic or services.store.counts(batch.id).keys() & UNFINISHED:
        return "IN_PROGRESS", changed
    return "COMPLETED", changed


def cancel_strategy(services: Services, given: Parameters) -> dict[str, Any]:
    """End a dynamic batch: no more devices are taken. Those that were go on."""
    _, batch = services.job(given.text("JobId"))
    if not batch.dynamic:
        raise illegal("Only a dynamic update batch has a strategy to cancel.")
    services.store.end_batch(batch.id)
    services.records.note("api", "-", f"batch {batch.id}: takes no more devices")
    return {}


def cancel_by_job(services: Services, given: Parameters) -> dict[str, Any]:
    """Cancel the tasks of a batch that are in certain states."""
    _, batch = services.job(given.text("JobId"))
    flags = {
        name: given.flag(f"Cancel{name}Task")
        for name in ("Scheduled", "Queued", "InProgress", "Notified", "Unconfirmed")
    }
    if not any(flags.values()):
        raise illegal("None of the tasks of the batch is to be cancelled.")
    if flags["Unconfirmed"] is None:
        flags["Unconfirmed"] = flags["Queued"]
    starts = terms_of(batch).starts
    planned = starts is not None and starts > services.clock.time()
    wanted = {
        "QUEUED": flags["Scheduled"] if planned else flags["Queued"],
        "CONFIRM": flags["Scheduled"] if planned else flags["Unconfirmed"],
        "NOTIFIED": flags["Notified"],
        "IN_PROGRESS": flags["InProgress"],
    }
    tasks = services.store.tasks("batch = ?", batch.id)
    ended = [task for task in tasks if wanted.get(task.state)]
    # Before its tasks: a batch that runs would try them again.
    if len(ended) == sum(task.unfinished for task in tasks) and not batch.dynamic and ended:
        services.store.end_batch(batch.id)
    for task in ended:
        services.cancel(task, _CANCELLED)
    return {}


# --- tasks ---


def list_tasks_by_job(services: Services, given: Parameters) -> dict[str, Any]:
    """The devices of a batch and how far each is."""
    job, batch = services.job(given.text("JobId"))
    state, names = given.maybe("TaskStatus"), sorted(set(given.texts("DeviceNames")))
    if state not in (None, *_STATES):
        raise illegal(f"TaskStatus is one of {', '.join(_STATES)}.")
    where, values = "batch = ?", [batch.id, *([] if state is None else [state]), *names]
    if state is not None:
        where += " and state = ?"
    if names:
        where += f" and dn in ({', '.join('?' * len(names))})"
    found = services.store.task_numbers(where, *values)
    page, said = paged(found, given.page())
    infos = [_task_said(services, services.store.task_by_id(number), job) for number in page]
    return {**said, "Data": {"SimpleOTATaskInfo": infos}}


def list_unfinished(services: Services, given: Parameters) -> dict[str, Any]:
    """What a device still has to do."""
    device = services.device(given)
    state = given.maybe("TaskStatus")
    wanted = given.texts("TaskStatusList") or ([] if state is None else [state])
    module = given.maybe("ModuleName")
    jobs = {job.batch: job for job in _jobs(services)}
    infos = [
        {**_task_said(services, task, jobs.get(task.batch or 0)), "ModuleName": task.module}
        for task in services.store.tasks(
            f"pk = ? and dn = ? and state in {UNFINISHED}", device.product_key, device.device_name
        )
        if (not wanted or task.state in wanted) and module in (None, task.module)
    ]
    return {"Data": {"SimpleOTATaskInfo": infos}}


def _task_said(services: Services, task: Task, job: Job | None) -> dict[str, Any]:
    said = {
        "TaskId": str(task.id),
        "JobId": job.id if job is not None else "",
        "FirmwareId": job.firmware if job is not None else "",
        "ProductKey": task.product_key,
        "ProductName": task.product_key,
        "DeviceName": task.device_name,
        "IotId": services.iot_id(task.identity),
        "SrcVersion": task.source,
        "DestVersion": task.version,
        "TaskStatus": task.state,
        "TaskDesc": task.desc,
        "UtcCreate": utc(task.created),
        "UtcModified": utc(task.history[-1].time),
    }
    if task.step is not None:
        said["Progress"] = str(task.step)
    if task.timeout_min is not None:
        said["Timeout"] = str(task.timeout_min)
    return said


def confirm(services: Services, given: Parameters) -> dict[str, Any]:
    """Let devices be told of tasks that wait for it."""
    numbers = given.texts("TaskId")
    if not numbers:
        given.text("TaskId.1")
    if len(numbers) > NAMES_MAX:
        raise illegal(f"More than {NAMES_MAX} tasks.")
    tasks = [_task(services, number) for number in numbers]
    if any(task.state != "CONFIRM" for task in tasks):
        raise illegal("A task does not wait for its confirmation.")
    for task in tasks:
        assert task.batch is not None  # only a batch makes tasks that wait
        services.rollout.batches.confirm(task.batch, [task.device_name])
    for number in {task.batch for task in tasks if task.batch is not None}:
        services.rollout.release(number)
    return {}


def _task(services: Services, number: str) -> Task:
    try:
        return services.store.task_by_id(int(number))
    except (ValueError, KeyError):
        raise illegal("The specified task does not exist.") from None


def cancel_by_device(services: Services, given: Parameters) -> dict[str, Any]:
    """Cancel what devices still have to do of a package, or of one batch of it."""
    firmware, release = services.firmware(given.text("FirmwareId"))
    names = given.texts("DeviceName")
    if not names:
        given.text("DeviceName.1")
    if len(names) > NAMES_MAX or len(set(names)) < len(names):
        raise illegal(f"DeviceName has up to {NAMES_MAX} names, each once.")
    for name in names:
        services.named(given.text("ProductKey"), name)
    only = given.maybe("JobId")
    batches = {
        job.batch
        for job in _jobs(services)
        if job.firmware == firmware.id and only in (None, job.id)
    }
    for task in services.store.tasks(f"release = ? and state in {UNFINISHED}", release.id):
        if task.device_name in names and task.batch in batches:
            services.cancel(task, _CANCELLED)
    return {}
