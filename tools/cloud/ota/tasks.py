"""Releases and tasks as an operator makes them, with or without the server running."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tools.cli import Refused
from tools.cloud.clock import Clock
from tools.cloud.identity import Identity
from tools.cloud.records import Records
from tools.cloud.store import CloudStore, PackageFile, Product, Release, Task
from tools.texts import is_name

DEFAULT_MODULE = "default"
STREAM_BYTES = 16 * 1024 * 1024  # of a file over MQTT
TIMEOUT_MIN_MIN, TIMEOUT_MIN_MAX = 1, 1440
FILES_MAX = 20  # of a package
_SHOWN = 8  # versions, in a sentence
WHOLE = "full"  # an option of a task, true: it offers no difference
# A file for a package: where it is, or its content, perhaps with a name.
Source = Path | bytes | tuple[str, bytes]
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PRODUCT_KEY = re.compile(r"[A-Za-z0-9]{1,64}")
_DEVICE_NAME = re.compile(r"[A-Za-z0-9@.:_-]{1,64}")


def newest(versions: Sequence[str]) -> str:
    """The last few of many versions, the newest first, for a sentence."""
    last = list(dict.fromkeys(reversed(versions)))
    more = f" and {len(last) - _SHOWN} more" if len(last) > _SHOWN else ""
    return ", ".join(last[:_SHOWN]) + more


def check_timeout(timeout_min: int | None) -> None:
    """Raise Refused for a time-out that the platform does not have."""
    if timeout_min is not None and not TIMEOUT_MIN_MIN <= timeout_min <= TIMEOUT_MIN_MAX:
        raise Refused(
            f"the platform has no time-out of {timeout_min} min",
            f"Use {TIMEOUT_MIN_MIN} to {TIMEOUT_MIN_MAX}.",
        )


def check_names(version: str, module: str) -> None:
    """Raise Refused for a version or a module that no release can have."""
    for what, text in (("version", version), ("module", module)):
        if not _NAME.fullmatch(text):
            raise Refused(f"{text!r} is no {what}", "Use 1 to 64 letters, digits, dots, - and _.")


def _check_product_key(product_key: str) -> None:
    if not _PRODUCT_KEY.fullmatch(product_key):
        raise Refused(f"{product_key!r} is no product key", "Use letters and digits only.")


def digestsigns(
    sign_key: Path, sign_method: str, package: Sequence[PackageFile]
) -> str | list[str]:
    """The signature of a file; of several one each, for no page says where else they would go."""
    from tools import signing  # slow to load

    try:
        key = signing.load_private(sign_key)
    except OSError as exc:
        raise Refused(f"cannot read {sign_key}: {exc.strerror}", "Check the path.") from None
    digests = [one.md5 if sign_method.lower() == "md5" else one.sha256 for one in package]
    signs = [signing.digestsign(key, bytes.fromhex(digest)) for digest in digests]
    return signs if len(signs) > 1 else signs[0]


def check_stream(release: Release) -> None:
    """Raise Refused for a package that the platform sends over HTTPS only."""
    if release.further:
        raise Refused(
            f"{release.version} has several files, and those go over HTTPS only",
            "Leave the way out, or offer one file.",
        )
    if release.size > STREAM_BYTES:
        raise Refused(
            f"{release.version} has {release.size} bytes; over MQTT the platform takes "
            f"{STREAM_BYTES}",
            "Let it go over HTTPS.",
        )


class TaskBook:
    """Adds releases and tasks, and ends tasks. Knows no device connection."""

    def __init__(self, store: CloudStore, clock: Clock, records: Records) -> None:
        self.store = store
        self.clock = clock
        self.records = records

    def add_device(self, product_key: str, device_name: str, secret: str | None) -> str:
        """Add a device and give its secret (32 hex characters unless given). Raises Refused."""
        _check_product_key(product_key)
        if not _DEVICE_NAME.fullmatch(device_name):
            raise Refused(
                f"{device_name!r} is no device name",
                "Use 1 to 64 letters, digits and any of @ . : _ -",
            )
        secret = secret or secrets.token_hex(16)
        self.store.add_device(Identity(product_key, device_name), secret, self.clock.time())
        return secret

    def add_product(self, product_key: str, secret: str | None, registration: bool) -> str:
        """Add a product and give its secret, or change it; a known one keeps its secret.

        Raises Refused.
        """
        _check_product_key(product_key)
        known = self.store.product(product_key)
        secret = secret or (known.secret if known is not None else secrets.token_hex(8))
        self.store.set_product(Product(product_key, secret, registration))
        return secret

    def add_release(
        self,
        files: Path,
        product_key: str,
        version: str,
        image: Source | Sequence[Source],
        module: str = DEFAULT_MODULE,
        sign_method: str = "Md5",
        data: dict[str, Any] | None = None,
        sign_key: Path | None = None,
    ) -> Release:
        """Take one or several files into the folder `files` and offer them as `version`.

        `sign_key` is the owner's private key: the message carries its `digestsign` then. Raises
        Refused.
        """
        check_names(version, module)
        if sign_method.lower() not in ("md5", "sha256"):
            raise Refused(f"there is no sign method {sign_method!r}", "Use Md5 or SHA256.")
        contents = _contents(image, f"{module}-{version}.bin")
        package = tuple(described(name, content) for name, content in contents)
        data = dict(data or {})
        if sign_key is not None:
            data["digestsign"] = digestsigns(sign_key, sign_method, package)
        known = self.store.release(product_key, module, version)
        if known is not None:
            signed = sign_key is None or known.data.get("digestsign") == data["digestsign"]
            same = [file.sha256 for file in known.files] == [file.sha256 for file in package]
            if same and signed and known.sign_method == sign_method:
                for file, (_, content) in zip(package, contents, strict=True):
                    if not (files / file.sha256).exists():  # somebody has lost it
                        keep(files, file, content)
                return known
            raise Refused(
                f"{product_key} already has another {version} of module {module}",
                "A version is never changed: choose a new one.",
            )
        for file, (_, content) in zip(package, contents, strict=True):
            keep(files, file, content)
        first = package[0]
        return self.store.add_release(
            Release(
                0,
                product_key,
                module,
                version,
                first.name,
                first.size,
                first.md5,
                first.sha256,
                sign_method,
                data,
                package[1:],
            )
        )

    def release(self, product_key: str, module: str, version: str) -> Release:
        """The release of this version. Raises Refused."""
        release = self.store.release(product_key, module, version)
        if release is None:
            raise Refused(
                f"{product_key} has no {version} of module {module}",
                self._instead(product_key, module, version),
            )
        return release

    def _instead(self, product_key: str, module: str, version: str) -> str:
        """What to do about a version that is not there: which there are."""
        there = [one for one in self.store.releases() if one.product_key == product_key]
        modules = [one.module for one in there if one.version == version]
        if modules:
            return f"Of module {', '.join(modules)} it is there: say --module {modules[0]}."
        of_module = [one.version for one in there if one.module == module]
        if of_module:
            return f"It has {newest(of_module)}; `release add` adds another."
        option = "" if module == DEFAULT_MODULE else f" --module {module}"
        return f"Add it first: release add {product_key} {version} FILE{option}"

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
        batch: int | None = None,
        confirm: bool = False,
        due: float | None = None,
    ) -> Task:
        """Make the task of upgrading a device. Raises Refused.

        A device does one task at a time for each module. While one is unfinished the new one
        fails, as on the platform; with `override` the unfinished one is cancelled instead. With
        `confirm` the device is not told before somebody has confirmed it, and with `due` not
        before that time (seconds since 1970).
        """
        identity = Identity(product_key, device_name)
        if self.store.secret(identity) is None:
            raise Refused(
                f"there is no device {identity}",
                f"Add it first: device add {product_key} {device_name}; or correct the name: "
                "`device list` shows those there are.",
            )
        release = self.release(product_key, module, version)
        check_timeout(timeout_min)
        if (options or {}).get("scheme") == "mqtt":
            check_stream(release)
        task = Task(
            id=0,
            product_key=product_key,
            device_name=device_name,
            module=module,
            version=version,
            source=self.store.version(identity, module) or "",
            state="CONFIRM" if confirm else "QUEUED",
            step=None,
            desc="",
            timeout_min=timeout_min,
            created=self.clock.time(),
            started=None,
            release=release.id,
            batch=batch,
            retries=0,
            due=due,
            options=options or {},
        )
        busy = self.store.unfinished(identity, module)
        if busy is not None and override:
            self.finish(busy, "CANCELED", f"overridden by {version}")
        elif busy is not None:
            why = f"the device has not finished {busy.version}, which may not be overridden"
            task = replace(task, state="FAILED", desc=why)
        elif task.source == version and not task.options.get("force"):
            # It would wait for ever, and everything after it.
            task = replace(task, state="SUCCEEDED", desc=f"the device reports {version} already")
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


def _contents(image: Source | Sequence[Source], unnamed: str) -> list[tuple[str, bytes]]:
    """(name, content) of each file of a package; unnamed: what has no name is called so."""
    several = isinstance(image, Sequence) and not isinstance(image, bytes | tuple)
    sources: Sequence[Any] = image if several else [image]  # type: ignore[assignment]
    if not 0 < len(sources) <= FILES_MAX:
        raise Refused(
            f"the platform has no package of {len(sources)} files", f"Use 1 to {FILES_MAX}."
        )
    contents = [read(one, unnamed) for one in sources]
    if len({name for name, _ in contents}) < len(contents):
        raise Refused("two files of the package have one name", "Rename one.")
    return contents


def keep(files: Path, file: PackageFile, content: bytes) -> None:
    """Put a file of a package into the folder `files`, whole or not at all."""
    partial = files / f"{file.sha256}.{os.getpid()}.part"
    partial.write_bytes(content)
    partial.replace(files / file.sha256)


def read(source: Source, default: str) -> tuple[str, bytes]:
    """(name, content) of a file for a package. Raises Refused."""
    if isinstance(source, tuple):
        name, content = source
    elif isinstance(source, bytes):
        name, content = default, source
    else:
        name = source.name
        if source.exists() and not source.is_file():  # a pipe would be waited for
            raise Refused(f"{source} is not a file", "Name the file itself.")
        try:
            content = source.read_bytes()
        except OSError as exc:
            raise Refused(f"cannot read {source}: {exc.strerror}", "Check the path.") from None
    if not is_name(name):
        raise Refused(f"the file's name is no plain text: {name!a}", "Rename the file.")
    if not content:
        what = "the image" if isinstance(source, bytes) else name
        raise Refused(f"{what} is empty", "Build it again.")
    return name, content


def described(name: str, content: bytes) -> PackageFile:
    """A file of a package: its size and digests."""
    return PackageFile(
        name,
        len(content),
        hashlib.md5(content).hexdigest(),
        hashlib.sha256(content).hexdigest(),
    )
