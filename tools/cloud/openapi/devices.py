"""Devices: QueryDevice, GetDeviceStatus, QueryDeviceDetail, ListOTAModuleVersionsByDevice,
DeleteDevice.

QueryDevice and QueryDeviceDetail of the platform tell the DeviceSecret; here it is left out.
"""

from __future__ import annotations

from typing import Any

from tools.cloud.identity import Identity
from tools.cloud.openapi.parameters import Parameters
from tools.cloud.openapi.services import Services, paged
from tools.cloud.openapi.times import utc
from tools.cloud.ota.tasks import DEFAULT_MODULE
from tools.cloud.store import UNFINISHED

_PAGE, _PAGE_MAX = 10, 50


def query(services: Services, given: Parameters) -> dict[str, Any]:
    """The devices of a product."""
    product_key = services.product(given.text("ProductKey"))
    found = [one for one in services.store.devices() if one.product_key == product_key]
    page, said = paged(found, given.page(_PAGE, _PAGE_MAX))
    said["Page"] = said.pop("CurrentPage")
    infos = [
        {
            "ProductKey": product_key,
            "DeviceName": one.device_name,
            "IotId": services.iot_id(one),
            "DeviceStatus": _status(services, one),
        }
        for one in page
    ]
    return {**said, "Data": {"DeviceInfo": infos}}


def status(services: Services, given: Parameters) -> dict[str, Any]:
    """Whether a device is signed in."""
    device = services.device(given)
    data: dict[str, Any] = {"Status": _status(services, device)}
    seen = _last_sign_in(services, device)
    if seen is not None:
        data["Timestamp"] = int(seen * 1000)
    return {"Data": data}


def detail(services: Services, given: Parameters) -> dict[str, Any]:
    """A device: its status, and the version of its default module."""
    device = services.device(given)
    data: dict[str, Any] = {
        "ProductKey": device.product_key,
        "ProductName": device.product_key,
        "DeviceName": device.device_name,
        "IotId": services.iot_id(device),
        "Status": _status(services, device),
        "NodeType": 0,
        "Owner": True,
        "Region": "desk",
    }
    version = services.store.version(device, DEFAULT_MODULE)
    if version is not None:
        data["FirmwareVersion"] = version
    seen = _last_sign_in(services, device)
    if seen is not None:
        data["UtcOnline"] = utc(seen)
    return {"Data": data}


def module_versions(services: Services, given: Parameters) -> dict[str, Any]:
    """What a device has reported, module by module."""
    device = services.device(given)
    found = sorted(services.store.versions(device).items())
    page, said = paged(found, given.page())
    infos = [
        {
            "ProductKey": device.product_key,
            "DeviceName": device.device_name,
            "IotId": services.iot_id(device),
            "ModuleName": module,
            "ModuleVersion": version,
        }
        for module, version in page
    ]
    return {**said, "Data": {"SimpleOTAModuleInfo": infos}}


def delete(services: Services, given: Parameters) -> dict[str, Any]:
    """Forget a device: what it has not finished is cancelled, and its connection ends."""
    device = services.device(given)
    for task in services.store.tasks(
        f"pk = ? and dn = ? and state in {UNFINISHED}", device.product_key, device.device_name
    ):
        services.cancel(task, "the device was removed")
    services.store.remove_device(device)
    services.drop(device)
    services.records.note("api", device, "removed")
    return {}


def _status(services: Services, device: Identity) -> str:
    if services.online(device):
        return "ONLINE"
    seen = services.store.activated(device) or services.store.versions(device)
    return "OFFLINE" if seen else "UNACTIVE"


def _last_sign_in(services: Services, device: Identity) -> float | None:
    return next(
        (one.time for one in reversed(services.records.sign_ins) if one.device == str(device)),
        None,
    )
