"""The devices of a product, as the API tells them."""

from __future__ import annotations

from tools.cloud.operator.show import Row
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
