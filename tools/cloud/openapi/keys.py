"""The access key of the stand-in: made once in its folder, told by `key`, in no log.

The signature of each call proves that the caller has it, as at the platform.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from tools.cli import Refused

_NAME = "access-key.json"


@dataclass(frozen=True)
class AccessKey:
    """An AccessKey pair; its secret is shown only where it is asked for."""

    id: str
    secret: str = field(repr=False)


def access_key(folder: Path) -> AccessKey:
    """The key of this folder; the first call makes it, readable by its owner only."""
    path = folder / _NAME
    if not path.exists():
        made = {"id": "DESK" + secrets.token_hex(8), "secret": secrets.token_hex(15)}
        partial = folder / f"{_NAME}.{os.getpid()}.part"
        with os.fdopen(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as out:
            json.dump(made, out)
        try:
            os.link(partial, path)  # fails when another program was faster: its key is the key
        except FileExistsError:
            pass
        finally:
            partial.unlink()
    try:
        stored = json.loads(path.read_text())
        return AccessKey(stored["id"], stored["secret"])
    except (ValueError, KeyError, TypeError):
        raise Refused(
            f"{path} is no access key", "Remove it: another one is made, which callers need then."
        ) from None
