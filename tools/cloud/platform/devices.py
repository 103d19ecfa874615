"""The devices of a product, as the API tells them."""

from __future__ import annotations

from tools.cloud.operator.show import Row
from tools.cloud.platform import batches
from tools.cloud.platform.api import Api

STATUS = ("ONLINE", "OFFLINE", "UNACTIVE", "DISABLE")
_PAGE = 50


def devices(api: Api, product_key: str) -> list[Row]:
    """Every device; never its secret, which the platform tells, too."""
    found: list[Row] = []
    token = None
    number = 1
    while True:
        # From the 10,000th device on the platform wants the token of the page before.
        answer = api.call(
            "QueryDevice",
            ProductKey=product_key,
            CurrentPage=number,
            PageSize=_PAGE,
            NextToken=token,
        )
        for said in (answer.get("Data") or {}).get("DeviceInfo") or []:
            found.append({"device": said["DeviceName"], "status": said.get("DeviceStatus")})
        if number >= int(answer.get("PageCount") or 0):
            return found
        number, token = number + 1, answer.get("NextToken")


def device(api: Api, product_key: str, device_name: str) -> Row:
    """One device."""
    said = api.call("QueryDeviceDetail", ProductKey=product_key, DeviceName=device_name)["Data"]
    return {
        "device": device_name,
        "status": said.get("Status"),
        "version": said.get("FirmwareVersion"),
        "online": said.get("UtcOnline"),
        "activated": said.get("UtcActive"),
    }


def versions(api: Api, product_key: str, device_name: str) -> list[Row]:
    """What a device has reported, module by module."""
    return [
        {"module": said.get("ModuleName"), "version": said.get("ModuleVersion")}
        for said in api.pages(
            "ListOTAModuleVersionsByDevice",
            "Data",
            "SimpleOTAModuleInfo",
            ProductKey=product_key,
            DeviceName=device_name,
        )
    ]


def unfinished(api: Api, product_key: str, device_name: str) -> list[Row]:
    """What a device still has to do."""
    answer = api.call(
        "ListOTAUnfinishedTaskByDevice", ProductKey=product_key, DeviceName=device_name
    )
    found = (answer.get("Data") or {}).get("SimpleOTATaskInfo") or []
    return [batches.task_row(said) for said in found]
