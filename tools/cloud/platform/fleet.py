"""The devices that a rollout is about: who is there, in which order, and what each reports."""

from __future__ import annotations

import hashlib

from tools.cli import Refused
from tools.cloud.operator.show import Row
from tools.cloud.ota.tasks import DEFAULT_MODULE
from tools.cloud.platform import devices
from tools.cloud.platform.api import Api
from tools.cloud.platform.plan import Phase, Plan


class Fleet:
    """The devices of a plan's product, asked for anew each time."""

    def __init__(self, api: Api, plan: Plan) -> None:
        self._api = api
        self._plan = plan

    def chosen(self, phase: Phase, offered: set[str]) -> list[str]:
        """The devices of a phase that begins; not those that were offered before.

        Raises Refused for a name that never was there.
        """
        active = self._active()
        names = [one["device"] for one in sorted(active, key=self._place)]
        count = phase.count(len(names), len(offered))
        if phase.names:
            unknown = [name for name in phase.names if name not in names]
            if unknown:
                raise Refused(
                    f"{unknown[0]} of the phase was never there", "`device list` shows who is."
                )
            names = list(phase.names)
        found: list[str] = []
        for name in names:
            if count is not None and len(found) >= count:
                break
            if name not in offered and self._wants(name):
                found.append(name)
        return found

    def have_it(self) -> list[str]:
        """The devices of a plan, if there are any and all report its version already; else none.

        Those of its names, or all that are there where a phase is for others too.
        """
        phases = self._plan.phases
        named = [name for phase in phases for name in phase.names]
        if not all(phase.names for phase in phases):
            named = [one["device"] for one in self._active()]
        return named if all(self.version(one) == self._plan.version for one in named) else []

    def _active(self) -> list[Row]:
        there = devices.devices(self._api, self._plan.product)
        return [one for one in there if one["status"] not in ("UNACTIVE", "DISABLE")]

    def _place(self, device: Row) -> tuple[bool, bytes]:
        """Who is there comes first; else an order that each version has of its own."""
        text = f"{self._plan.version} {device['device']}"
        return device["status"] != "ONLINE", hashlib.sha256(text.encode()).digest()

    def _wants(self, name: str) -> bool:
        """Whether a device reports a version that this rollout is for."""
        version = self.version(name)
        sources = self._plan.sources or ((self._plan.source,) if self._plan.source else ())
        return version not in (None, self._plan.version) and (not sources or version in sources)

    def version(self, name: str) -> str | None:
        """What a device has reported last, of the module that this is about."""
        device = {"ProductKey": self._plan.product, "DeviceName": name}
        if self._plan.module == DEFAULT_MODULE:
            told = self._api.call("QueryDeviceDetail", **device)["Data"].get("FirmwareVersion")
            return None if told is None else str(told)
        found = self._api.pages(
            "ListOTAModuleVersionsByDevice",
            "Data",
            "SimpleOTAModuleInfo",
            ProductKey=self._plan.product,
            DeviceName=name,
        )
        modules = {one["ModuleName"]: one["ModuleVersion"] for one in found}
        return modules.get(self._plan.module)
