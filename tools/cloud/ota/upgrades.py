"""What an upgrade message says: "OTA updates" (89307), "Push update package information"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from tools.cloud.context import Context
from tools.cloud.identity import Identity
from tools.cloud.ota import differences
from tools.cloud.ota.blocks import Blocks
from tools.cloud.ota.tasks import DEFAULT_MODULE
from tools.cloud.store import PackageFile, Release, Task


class LinkMaker(Protocol):
    """Makes the address of a release's file for one device (see downloads/)."""

    def url(self, release: Release, identity: Identity, scheme: str, number: int = 0) -> str:
        """A fresh signed link with `scheme` "https" or "http"; number: of release.downloads."""


class Upgrades:
    """Makes the `data` of upgrade messages; `links` for HTTP, `blocks` for files over MQTT."""

    def __init__(self, context: Context, links: LinkMaker, blocks: Blocks) -> None:
        self._store = context.store
        self._dialect = context.dialect
        self._links = links
        self._blocks = blocks

    def data(self, task: Task) -> dict[str, Any]:
        """What a device is told of its task: pushed, or in the answer to a query."""
        release = self._store.release_by_id(task.release)
        is_md5 = release.sign_method.lower() == "md5"
        own = dict(release.data)
        first, files = 0, release.files
        difference = differences.offered(self._store, task)
        if difference is not None:
            own = {**own, **difference.data, "isDiff": 1}
            first, files = release.downloads.index(difference.file), (difference.file,)
        digest = files[0].md5 if is_md5 else files[0].sha256
        data: dict[str, Any] = {
            "size": files[0].size,
            "version": release.version,
            "signMethod": self._dialect.sign_methods[0 if is_md5 else 1],
            "sign": digest,
        }
        if is_md5:
            data["md5"] = digest
        scheme = task.options.get("scheme", "https")
        if scheme == "mqtt":
            data.update(self._blocks.address(task))
        else:
            data["url"] = self._links.url(release, task.identity, scheme, first)
        if scheme != "mqtt" and (len(files) > 1 or self._dialect.single_as_files):
            for key in ("size", "url", "sign", "md5"):
                data.pop(key, None)
            data["files"] = self._elements(release, task, files, first)
        if release.module != DEFAULT_MODULE:
            data["module"] = release.module
        for key, value in {**own, **task.options.get("data", {})}.items():
            if value is None:
                data.pop(key, None)
            elif key == "digestsign" and isinstance(value, list):
                for element, sign in zip(data.get("files", ()), value, strict=False):
                    element[key] = sign
            else:
                data[key] = value
        return data

    def _elements(
        self, release: Release, task: Task, files: Sequence[PackageFile], first: int
    ) -> list[dict[str, Any]]:
        """The list of a package of several files, or of one that is offered as if.

        `first` is the number of the first of `files` among the release's downloads.
        """
        is_md5 = release.sign_method.lower() == "md5"
        plain = len(files) == 1 and self._dialect.single_as_files == "plain"
        size, name, url, sign, md5 = (
            ("size", "name", "url", "sign", "md5")
            if plain
            else ("fileSize", "fileName", "fileUrl", "fileSign", "fileMd5")
        )
        scheme = task.options.get("scheme", "https")
        elements = []
        for number, file in enumerate(files, first):
            element: dict[str, Any] = {
                size: file.size,
                name: file.name,
                url: self._links.url(release, task.identity, scheme, number),
                sign: file.md5 if is_md5 else file.sha256,
            }
            if is_md5:
                element[md5] = file.md5
            elements.append(element)
        return elements
