"""OTA modules: CreateOTAModule and ListOTAModuleByProduct.

The stand-in needs no module to be made before it is used; those in use are listed, too.
"""

from __future__ import annotations

import re
from typing import Any

from tools.cloud.openapi.errors import illegal
from tools.cloud.openapi.ledger import ModuleRecord
from tools.cloud.openapi.parameters import Parameters
from tools.cloud.openapi.services import Services
from tools.cloud.openapi.times import utc
from tools.cloud.ota.tasks import DEFAULT_MODULE

MODULES = 10  # of a product, besides the default one
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


def create(services: Services, given: Parameters) -> dict[str, Any]:
    """Make a module."""
    product_key = services.product(given.text("ProductKey"))
    name = given.text("ModuleName")
    if not _NAME.fullmatch(name):
        raise illegal("ModuleName has 1 to 64 letters, digits, periods, - and _.")
    there = _names(services, product_key)
    if name.lower() in {one.lower() for one in there}:
        raise illegal("The module exists already.")
    if len(there) > MODULES:
        raise illegal(f"There are {MODULES} modules already.")
    alias, desc = given.maybe("AliasName") or "", given.maybe("Desc") or ""
    services.ledger.add_module(ModuleRecord(product_key, name, alias, desc, services.clock.time()))
    return {}


def list_(services: Services, given: Parameters) -> dict[str, Any]:
    """The modules of a product."""
    product_key = services.product(given.text("ProductKey"))
    made = {one.name: one for one in services.ledger.modules(product_key)}
    infos = []
    for name in _names(services, product_key):
        info = {"ModuleName": name, "ProductKey": product_key}
        if name in made:
            one = made[name]
            info |= {"AliasName": one.alias, "Desc": one.desc, "GmtCreate": utc(one.created)}
        infos.append(info)
    return {"Data": infos}


def _names(services: Services, product_key: str) -> list[str]:
    names = [DEFAULT_MODULE, *(one.name for one in services.ledger.modules(product_key))]
    names += [one.module for one in services.store.releases() if one.product_key == product_key]
    for device in services.store.devices():
        if device.product_key == product_key:
            names += services.store.versions(device)
    return list(dict.fromkeys(names))
