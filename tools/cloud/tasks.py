"""Releases and tasks as an operator makes them, with or without the server running."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

from .clock import Clock
from .identity import Identity
from .records import Records
from .store import Release, Store, Task

DEFAULT_MODULE = "default"
STREAM_BYTES = 16 * 1024 * 1024  # of a file over MQTT
TIMEOUT_MIN_MIN, TIMEOUT_MIN_MAX = 1, 1440
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PRODUCT_KEY = re.compile(r"[A-Za-z0-9]{1,64}")
_DEVICE_NAME = re.compile(r"[A-Za-z0-9@.:_-]{1,64}")


class CloudError(Exception):
    """Something the operator asked for cannot be done; the text says why and what to do."""


class TaskBook:
    """Adds releases and tasks, and ends tasks. Knows no device connection."""

    def __init__(self, store: Store, clock: Clock, records: Records) -> None:
        self.store = store
        self.clock = clock
        self.records = records

    def add_device(self, product_key: str, device_name: str, secret: str | None) -> str:
        """Add a device and give its secret (32 hex characters unless given). Raises CloudError."""
        if not _PRODUCT_KEY.fullmatch(product_key):
            raise CloudError(f"product key {product_key!r}: use letters and digits only")
        if not _DEVICE_NAME.fullmatch(device_name):
            raise CloudError(
                f"device name {device_name!r}: use 1 to 64 letters, digits and any of @ . : _ -"
            )
        secret = secret or secrets.token_hex(16)
        self.store.add_device(Identity(product_key, device_name), secret, self.clock.time())
        return secret

    def add_release(
        self,
        files: Path,
        product_key: str,
        version: str,
        image: Path | bytes,
        module: str = DEFAULT_MODULE,
        sign_method: str = "Md5",
        data: dict[str, Any] | None = None,
    ) -> Release:
        """Take a file into the folder `files` and offer it as `version`. Raises CloudError."""
        for what, text in (("version", version), ("module", module)):
            if not _NAME.fullmatch(text):
                raise CloudError(f"{what} {text!r}: use 1 to 64 letters, digits, dots, - and _")
        if sign_method.lower() not in ("md5", "sha256"):
            raise CloudError(f"sign method {sign_method!r}: use Md5 or SHA256")
        where = "the image" if isinstance(image, bytes) else str(image)
        try:
            content = image if isinstance(image, bytes) else image.read_bytes()
        except OSError as exc:
            raise CloudError(f"cannot read {where}: {exc.strerror}; check the path") from None
        if not content:
            raise CloudError(f"{where} is empty; build it again")
        sha256 = hashlib.sha256(content).hexdigest()
        known = self.store.release(product_key, module, version)
        if known is not None:
            if known.sha256 == sha256 and known.sign_method == sign_method:
                return known
            raise CloudError(
                f"{product_key} already has another {version} of module {module}: a version is "
                "never changed, so choose a new one"
            )
        name = f"{module}-{version}.bin" if isinstance(image, bytes) else image.name
        path = files / sha256
        partial = files / f"{sha256}.{os.getpid()}.part"
        partial.write_bytes(content)
        partial.replace(path)
        return self.store.add_release(
            Release(
                0,
                product_key,
                module,
                version,
                name,
                len(content),
                hashlib.md5(content).hexdigest(),
                sha256,
                sign_method,
                data or {},
            )
        )

    def add_task(
        self,
        product_key: str,
        device_name: str,
        version: str,
        *,
        module: str = DEFAULT_MODULE,
        timeout_min: int | None = None,
        override: bool = False,
        options: dict[str, Any] | None = None,
    ) -> Task:
        """Make the task of upgrading a device. Raises CloudError.

        A device does one task at a time for each module. While one is unfinished the new one
        fails, as on the platform; with `override` the unfinished one is cancelled instead.
        """
        identity = Identity(product_key, device_name)
        if self.store.secret(identity) is None:
            raise CloudError(
                f"there is no device {identity}; add it first: device add {product_key} "
                f"{device_name}"
            )
        release = self.store.release(product_key, module, version)
        if release is None:
            raise CloudError(
                f"{product_key} has no {version} of module {module}; add it first: release add "
                f"{product_key} {version} FILE"
            )
        if timeout_min is not None and not TIMEOUT_MIN_MIN <= timeout_min <= TIMEOUT_MIN_MAX:
            raise CloudError(
                f"a time-out of {timeout_min} min; use {TIMEOUT_MIN_MIN} to {TIMEOUT_MIN_MAX}"
            )
        if (options or {}).get("scheme") == "mqtt" and release.size > STREAM_BYTES:
            raise CloudError(
                f"{version} has {release.size} bytes; over MQTT the platform takes {STREAM_BYTES}"
            )
        task = Task(
            id=0,
            product_key=product_key,
            device_name=device_name,
            module=module,
            version=version,
            source=self.store.version(identity, module) or "",
            state="QUEUED",
            step=None,
            desc="",
            timeout_min=timeout_min,
            created=self.clock.time(),
            started=None,
            release=release.id,
            options=options or {},
        )
        busy = self.store.unfinished(identity, module)
        if busy is not None and override:
            self.finish(busy, "CANCELED", f"overridden by {version}")
        elif busy is not None:
            why = f"the device has not finished {busy.version}, which may not be overridden"
            task = replace(task, state="FAILED", desc=why)
        task = self.store.add_task(task, task.desc or "created")
        self.records.note("task", identity, f"{version} {task.state} {task.desc}".rstrip())
        return task

    def finish(self, task: Task, state: str, why: str, step: int | None = None) -> Task:
        """End a task: SUCCEEDED, FAILED or CANCELED."""
        task = self.store.move_task(
            task, self.clock.time(), step=step, event=why, state=state, desc=why
        )
        told = f" (step {step})" if step is not None else ""
        self.records.note("task", task.identity, f"{task.version} {state}{told}: {why}")
        return task
