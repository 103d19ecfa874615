"""Making update batches: CreateOTAVerifyJob, -StaticUpgradeJob, -DynamicUpgradeJob.

The parameters become the terms of a batch (ota/batches.py), which is then told as any other.
"""

from __future__ import annotations

import re
from typing import Any

from tools.cloud.openapi import firmwares
from tools.cloud.openapi.errors import illegal
from tools.cloud.openapi.ledger import UPGRADE, VERIFY, Firmware
from tools.cloud.openapi.parameters import Parameters
from tools.cloud.openapi.services import Services
from tools.cloud.openapi.times import utc
from tools.cloud.ota.batches import RATE_MAX, Terms
from tools.cloud.store import Release

VERIFY_DEVICES, STATIC_DEVICES, DYNAMIC_VERSIONS = 10, 200, 10
TAGS, TAG_KEY_CHARS, TAG_VALUE_CHARS, TAGS_CHARS = 10, 30, 1024, 4096
RATE_MIN = 10
_TAG_KEY = re.compile(r"[A-Za-z0-9.]{1,30}")
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_PERCENT = re.compile(r"\d{1,3}(\.\d{1,3})?")


def create_verify(services: Services, given: Parameters) -> dict[str, Any]:
    """Try a package on up to 10 devices, before it may go to more."""
    firmware, release = _package(services, given)
    state = firmwares.status(services, firmware)
    if state in (firmwares.VERIFYING, firmwares.VERIFIED):
        raise illegal("The firmware is being verified, or has been verified.")
    devices = _devices(services, given, release, VERIFY_DEVICES)
    terms = _terms(given, firmware, release, {"devices": devices})
    return _make(services, given, firmware, release, terms, VERIFY)


def create_static(services: Services, given: Parameters) -> dict[str, Any]:
    """Update the devices that meet the terms now."""
    firmware, release = _package(services, given)
    _verified(services, firmware)
    selection = given.choice("TargetSelection", ("ALL", "SPECIFIC", "GRAY", "GROUP"), "")
    more: dict[str, Any] = {"sources": _sources(given, firmware), **_schedule(services, given)}
    if selection == "GROUP" or given.maybe("DnListFileUrl"):
        raise illegal("This stand-in has no device groups and no lists of devices in files.")
    if selection == "SPECIFIC":
        more["devices"] = _devices(services, given, release, STATIC_DEVICES)
    elif selection == "GRAY":
        percent = given.text("GrayPercent")
        if not _PERCENT.fullmatch(percent) or not 0 < float(percent) <= 100:
            raise illegal("GrayPercent is a percentage with up to three decimal places.")
        more["percent"] = float(percent)
    terms = _terms(given, firmware, release, {**more, **_pace(given)})
    return _make(services, given, firmware, release, terms, UPGRADE)


def create_dynamic(services: Services, given: Parameters) -> dict[str, Any]:
    """Update devices that report one of some versions, now and later."""
    firmware, release = _package(services, given)
    _verified(services, firmware)
    if given.maybe("GroupId") or given.maybe("GroupType"):
        raise illegal("This stand-in has no device groups.")
    sources = _sources(given, firmware)
    if not sources:
        given.text("SrcVersion.1")
    if len(sources) > DYNAMIC_VERSIONS:
        raise illegal(f"More than {DYNAMIC_VERSIONS} versions.")
    running = services.store.batches("dynamic and state = 'RUNNING'")
    jobs = {job.batch: job.firmware for job in services.ledger.jobs(services.clock.time())}
    if any(jobs.get(batch.id) == firmware.id for batch in running):
        raise illegal("The firmware has a dynamic update batch that is running.")
    mode = given.choice("DynamicMode", ("1", "2"), "1")
    more = {"sources": sources, "later": mode == "2", **_pace(given)}
    terms = _terms(given, firmware, release, more)
    return _make(services, given, firmware, release, terms, UPGRADE, dynamic=True)


def _package(services: Services, given: Parameters) -> tuple[Firmware, Release]:
    firmware, release = services.firmware(given.text("FirmwareId"))
    if given.maybe("ProductKey") not in (None, release.product_key):
        raise illegal("The firmware is of another product.")
    return firmware, release


def _verified(services: Services, firmware: Firmware) -> None:
    if firmwares.status(services, firmware) not in (firmwares.NOT_NEEDED, firmwares.VERIFIED):
        raise illegal("The firmware has not been verified; call CreateOTAVerifyJob first.")


def _devices(
    services: Services, given: Parameters, release: Release, most: int
) -> tuple[str, ...]:
    names = given.texts("TargetDeviceName")
    if not names:
        given.text("TargetDeviceName.1")
    if len(names) > most:
        raise illegal(f"More than {most} devices.")
    if len(set(names)) < len(names):
        raise illegal("A device is named twice.")
    for name in names:
        services.named(release.product_key, name)
    return tuple(names)


def _sources(given: Parameters, firmware: Firmware) -> tuple[str, ...]:
    sources = given.texts("SrcVersion")
    if len(set(sources)) < len(sources):
        raise illegal("A version is named twice.")
    if firmware.source:
        if sources and sources != [firmware.source]:
            raise illegal("A differential firmware is for devices of its SrcVersion.")
        return (firmware.source,)
    return tuple(sources)


def _pace(given: Parameters) -> dict[str, Any]:
    """Rate, retries and what happens to a task that is there already."""
    pace: dict[str, Any] = {}
    rate = given.number("MaximumPerMinute")
    if rate is not None:
        if not RATE_MIN <= rate <= RATE_MAX:
            raise illegal(f"MaximumPerMinute is {RATE_MIN} to {RATE_MAX}.")
        pace["rate"] = rate
    after, times = given.number("RetryInterval"), given.number("RetryCount")
    if after is not None:
        if times is None:
            raise illegal("RetryInterval needs RetryCount.")
        timeout = given.number("TimeoutInMinutes")
        if timeout is not None and after >= timeout:
            raise illegal("RetryInterval has to be less than TimeoutInMinutes.")
        pace["retry_after_min"], pace["retry_times"] = after, times
    mode = given.choice("OverwriteMode", ("1", "2"), "1")
    if mode == "2" and given.flag("MultiModuleMode"):
        raise illegal("OverwriteMode 2 and MultiModuleMode exclude each other.")
    pace["override"] = mode == "2"
    return pace


def _schedule(services: Services, given: Parameters) -> dict[str, Any]:
    now = services.clock.time()
    begins, ends = given.number("ScheduleTime"), given.number("ScheduleFinishTime")
    schedule: dict[str, Any] = {}
    if begins is not None:
        schedule["starts"] = begins / 1000
        if not 5 * _MINUTE <= begins / 1000 - now <= 7 * _DAY:
            raise illegal("ScheduleTime is 5 minutes to 7 days from now.")
    if ends is not None:
        schedule["ends"] = ends / 1000
        start = now if begins is None else begins / 1000
        if not _HOUR <= ends / 1000 - start <= 30 * _DAY:
            raise illegal("ScheduleFinishTime is 1 hour to 30 days after the start.")
    return schedule


def _terms(given: Parameters, firmware: Firmware, release: Release, more: dict[str, Any]) -> Terms:
    tags = {}
    for tag in given.structures("Tag"):
        key, value = tag.text("Key"), tag.text("Value")
        if not _TAG_KEY.fullmatch(key) or len(value) > TAG_VALUE_CHARS:
            raise illegal("A tag has a key of 1 to 30 letters, digits and periods, and a value.")
        tags[key] = value
    if len(tags) > TAGS or sum(len(k) + len(v) for k, v in tags.items()) > TAGS_CHARS:
        raise illegal(f"More than {TAGS} tags, or {TAGS_CHARS} characters of them.")
    data = {"extData": {**release.data.get("extData", {}), **tags}} if tags else {}
    protocol = given.choice("DownloadProtocol", ("HTTPS", "MQTT"), "HTTPS")
    return Terms(
        timeout_min=given.number("TimeoutInMinutes"),
        confirm=given.flag("NeedConfirm") is True,
        push=given.flag("NeedPush") is not False,
        scheme=protocol.lower(),
        data=data,
        # A package that is whole is offered whole, also where there is a difference to it.
        whole=not firmware.source,
        **more,
    )


_KEPT = ("TargetSelection", "GrayPercent", "DynamicMode")


def _make(
    services: Services,
    given: Parameters,
    firmware: Firmware,
    release: Release,
    terms: Terms,
    kind: str,
    *,
    dynamic: bool = False,
) -> dict[str, Any]:
    batch = services.rollout.batches.add(
        release.product_key, release.version, terms, module=release.module, dynamic=dynamic
    )
    kept: dict[str, Any] = {name: given.maybe(name) for name in _KEPT}
    kept["MultiModuleMode"] = given.flag("MultiModuleMode") is True
    kept["Tags"] = {tag.text("Key"): tag.text("Value") for tag in given.structures("Tag")}
    job = services.ledger.add_job(batch, firmware, kind, kept)
    services.records.note("api", "-", f"batch {batch.id}: {release.version} of {firmware.name}")
    services.rollout.begin(batch)
    return {"Data": {"JobId": job.id, "UtcCreate": utc(batch.created)}}
