"""The way from the other commands to a running `serve`: its routes below /control.

The server leaves `control.json` (its address on this machine and a token) in its folder, readable
by its owner only; who can read it may control the server.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

from tools.cli import Refused

_NAME = "control.json"
_TIMEOUT_S = 10.0


def tell(folder: Path, url: str, token: str) -> None:
    """Leave word where the server of this folder is, for its owner alone."""
    partial = folder / f"{_NAME}.part"
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as out:
        json.dump({"url": url, "token": token}, out)
    partial.replace(folder / _NAME)


def withdraw(folder: Path, token: str) -> None:
    """Take that away, if it is still this server's."""
    path = folder / _NAME
    if path.exists() and token in path.read_text():
        path.unlink()


def need(folder: Path, op: str, otherwise: str = "", **more: Any) -> dict[str, Any]:
    """ask(), where a server has to run; otherwise: what else helps, in words. Raises Refused."""
    answer = ask(folder, op, **more)
    if answer is None:
        raise Refused(
            f"no server runs in {folder}",
            f"Start it with `{start_line(folder)}`{otherwise}.",
        )
    return answer


def start_line(folder: Path) -> str:
    """What a person types for a server in this folder."""
    return f"python -m tools.cloud serve --folder {shlex.quote(str(folder))}"


def ask(folder: Path, op: str, **more: Any) -> dict[str, Any] | None:
    """Ask the server that runs in this folder; None when none does. Raises Refused."""
    try:
        where = json.loads((folder / _NAME).read_text())
        url, token = f"{where['url']}/control/{op}", where["token"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    import requests  # slow to load

    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy of the environment may see it
            response = session.post(
                url,
                json=more,
                headers={"Authorization": f"Bearer {token}"},
                timeout=_TIMEOUT_S,
                allow_redirects=False,
            )
        if response.status_code in (400, 404):
            raise Refused(f"the server in {folder} cannot: {response.text}", "See `status`.")
        answer = response.json() if response.status_code == 200 else None
    except requests.ReadTimeout:
        raise Refused(
            f"the server in {folder} has not answered within {_TIMEOUT_S:.0f} s",
            "It is busy, or stopped: see what it prints, and ask again.",
        ) from None
    except (OSError, ValueError):  # what requests raises is an OSError, or a ValueError
        # The file was left behind by a server that was killed; the port may be another program's.
        return None
    return answer if isinstance(answer, dict) else None
