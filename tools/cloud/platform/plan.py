"""The plan of a rollout: which version for whom, in which phases, on which terms (TOML)."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.cli import Refused
from tools.cloud.openapi.jobs import RATE_MIN
from tools.cloud.ota.batches import RATE_MAX, RETRY_AFTER_MIN, RETRY_TIMES
from tools.cloud.ota.tasks import TIMEOUT_MIN_MAX, TIMEOUT_MIN_MIN
from tools.places import read_input
from tools.texts import decoded

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# What a plan may say beside the phases: the type, and what the API calls it (terms of a batch).
_TERMS = {
    "rate": (int, "MaximumPerMinute"),
    "timeout-min": (int, "TimeoutInMinutes"),
    "retry-after-min": (int, "RetryInterval"),
    "retry-times": (int, "RetryCount"),
    "over": (str, "DownloadProtocol"),
}
_TOP = {
    "product": str,
    "version": str,
    "module": str,
    "from": str,
    "sources": list,
    "failed-percent": float,
    "enough-percent": float,
    "phase": list,
    **{name: kind for name, (kind, _) in _TERMS.items()},
}
_PHASE = {
    "devices": int,
    "names": list,
    "percent": float,
    "all": bool,
    "soak-min": float,
    "limit-min": float,
}
# What the platform takes of them: a choice, or from and to.
_CHOICES = {"retry-after-min": RETRY_AFTER_MIN, "retry-times": RETRY_TIMES}
_RANGES = {"rate": (RATE_MIN, RATE_MAX), "timeout-min": (TIMEOUT_MIN_MIN, TIMEOUT_MIN_MAX)}
_LONGEST_MIN = 30 * 24 * 60  # of a phase's times
_SCOPES = ("devices", "names", "percent", "all")
FAILED_PERCENT, ENOUGH_PERCENT = 5.0, 90.0


@dataclass(frozen=True)
class Phase:
    """Whom a phase is for: one of `devices`, `names`, `percent` and everybody else.

    `soak_s` begins when enough have succeeded; `limit_s` is how long that may take, or None.
    """

    devices: int | None
    names: tuple[str, ...]
    percent: float | None
    soak_s: float
    limit_s: float | None

    @property
    def everybody(self) -> bool:
        """Whether it is for all that are left."""
        return not self.names and self.devices is None and self.percent is None

    def count(self, fleet: int, offered: int) -> int | None:
        """How many more devices this phase is for; None for all that are left."""
        if self.names:
            return len(self.names)
        if self.devices is not None:
            return self.devices
        if self.percent is not None:
            # Of the whole fleet, phase by phase: 10 % after 1 % are nine more.
            return max(0, max(1, int(fleet * self.percent / 100)) - offered)
        return None

    def __str__(self) -> str:
        if self.names:
            return ", ".join(self.names)
        if self.devices is not None:
            return f"{self.devices} device{'' if self.devices == 1 else 's'}"
        return "all" if self.percent is None else f"{self.percent:g} %"


@dataclass(frozen=True)
class Plan:
    """A rollout. `terms` are those of its batches, as the API names them."""

    product: str
    version: str
    module: str
    source: str | None
    sources: tuple[str, ...]
    failed_percent: float
    enough_percent: float
    phases: tuple[Phase, ...]
    terms: dict[str, Any]


def read(path: Path) -> Plan:
    """A plan from its file. Raises Refused, with the file and the place; OSError."""
    try:
        said = tomllib.loads(decoded(read_input(path), path))
    except tomllib.TOMLDecodeError as exc:
        raise Refused(f"{path}: {exc}", "It has to be TOML: docs/rollouts.md.") from None
    _check(path, said, _TOP, "")
    for name in ("product", "version", "phase"):
        if not said.get(name):
            raise _wrong(path, f"no {name}")
    for name, choice in _CHOICES.items():
        if name in said and said[name] not in choice:
            raise _wrong(path, f"{name} is one of {', '.join(map(str, choice))}")
    for name, (least, most) in _RANGES.items():
        if name in said and not least <= said[name] <= most:
            raise _wrong(path, f"{name} is {least} to {most}")
    if said.get("sources") == []:
        raise _wrong(path, "sources is empty: leave it out for devices of any version")
    over = said.get("over", "https")
    if over not in ("https", "mqtt"):
        raise _wrong(path, f"over is https or mqtt, not {over}")
    terms = {api: said[name] for name, (_, api) in _TERMS.items() if name in said}
    if "retry-after-min" in said:
        terms.setdefault("RetryCount", 1)
    elif "retry-times" in said:
        raise _wrong(path, "retry-times without retry-after-min")
    terms["DownloadProtocol"] = over.upper()
    plan = Plan(
        product=said["product"],
        version=said["version"],
        module=said.get("module", "default"),
        source=said.get("from"),
        sources=tuple(said.get("sources", ())),
        failed_percent=float(said.get("failed-percent", FAILED_PERCENT)),
        enough_percent=float(said.get("enough-percent", ENOUGH_PERCENT)),
        phases=tuple(_phase(path, number, one) for number, one in enumerate(said["phase"], 1)),
        terms=terms,
    )
    _check_order(path, plan.phases)
    if not 0 <= plan.failed_percent <= 100 or not 0 < plan.enough_percent <= 100:
        raise _wrong(path, "failed-percent and enough-percent are percentages")
    if plan.failed_percent + plan.enough_percent > 100:
        raise _wrong(path, "failed-percent and enough-percent are more than 100 together")
    return plan


def _check_order(path: Path, phases: tuple[Phase, ...]) -> None:
    percent = 0.0
    for number, one in enumerate(phases, 1):
        if one.everybody and number < len(phases):
            raise _wrong(path, f"phase {number}: all leaves nobody for the phases behind it")
        if one.percent is not None:
            if one.percent <= percent:
                raise _wrong(
                    path, f"phase {number}: {one.percent:g} percent is no more than before it"
                )
            percent = one.percent


def _phase(path: Path, number: int, said: Any) -> Phase:
    where = f"phase {number}: "
    if not isinstance(said, dict):
        raise _wrong(path, f"{where}write it as [[phase]]")
    _check(path, said, _PHASE, where)
    scopes = [name for name in _SCOPES if said.get(name)]
    if len(scopes) != 1:
        raise _wrong(path, f"{where}one of devices, names, percent and all = true")
    percent = said.get("percent")
    if percent is not None and not 0 < percent <= 100:
        raise _wrong(path, f"{where}percent is more than 0, up to 100")
    if any(said.get(name, 1) < 0 for name in ("devices", "soak-min", "limit-min")):
        raise _wrong(path, f"{where}nothing is negative")
    if said.get("limit-min") == 0:
        raise _wrong(path, f"{where}limit-min is more than 0: leave it out for no limit")
    for name in ("soak-min", "limit-min"):
        if not said.get(name, 0) <= _LONGEST_MIN:
            raise _wrong(path, f"{where}{name} is at most {_LONGEST_MIN}, 30 days")
    names = said.get("names", ())
    if len(set(names)) < len(names):
        raise _wrong(path, f"{where}a name stands twice in names")
    limit = said.get("limit-min")
    return Phase(
        said.get("devices"),
        tuple(names),
        None if percent is None else float(percent),
        said.get("soak-min", 0) * 60.0,
        None if limit is None else limit * 60.0,
    )


def _check(path: Path, said: dict[str, Any], known: dict[str, type], where: str) -> None:
    for name, value in said.items():
        kind = known.get(name)
        if kind is None:
            raise _wrong(path, f"{where}there is no {name}; there is {', '.join(known)}")
        right = isinstance(value, int | float if kind is float else kind)
        if not right or (isinstance(value, bool) and kind is not bool):
            raise _wrong(path, f"{where}{name} is no {kind.__name__}")
        if kind is list and name != "phase" and not all(isinstance(one, str) for one in value):
            raise _wrong(path, f"{where}{name} is a list of texts")


def _wrong(path: Path, what: str) -> Refused:
    return Refused(f"{path}: {what}", "What a plan says: docs/rollouts.md.")
