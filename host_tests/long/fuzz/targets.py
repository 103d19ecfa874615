"""Every target of `make fuzz`."""

from __future__ import annotations

from host_tests.long.fuzz import (
    archives,
    gateway,
    heads,
    images,
    jobs,
    packages,
    packets,
    updater,
    updates,
    web,
)
from host_tests.long.fuzz.target import Target

_ALL = (
    Target("job", "upgrade messages into job.parse()", jobs.run, short=400),
    Target("updater", "offers and bad downloads into Updater", updater.run, short=200),
    Target("mqtt", "packets of a hostile gateway into Device", packets.run, short=200),
    Target("http", "answers of a hostile server into HttpSource", heads.run, short=250),
    Target("image", "heads of images into image.check()", images.run, short=400),
    Target("files", "archives into FilesTarget", archives.run, count=2000, short=200),
    Target("package", "packages (.alp) into a slot", packages.run, count=3000, short=250),
    Target("gateway", "packets of a hostile device into tools/cloud", gateway.run, short=300),
    Target("web", "requests of a hostile client to tools/cloud", web.run, short=300),
    Target("update", "whole updates over a network that fails", updates.run, count=60, short=0),
)
TARGETS = {target.name: target for target in _ALL}
