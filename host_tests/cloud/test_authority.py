"""A folder's certificate authority: boards that trust it go on doing so, or somebody is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.cli import Refused
from tools.cloud.certs import Certificates
from tools.programs import CLOUD


def made(folder: Path) -> tuple[Path, Path]:
    """An authority's certificate and key."""
    folder.mkdir()
    Certificates(folder)
    return folder / "ca.pem", folder / "ca-key.pem"


def test_boards_trust_the_server_after_a_restart(tmp_path: Path) -> None:
    ca, _ = made(tmp_path / "cloud")
    before = ca.read_bytes()
    assert Certificates(tmp_path / "cloud").ca_pem == before == ca.read_bytes()


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("no certificate", "ca-key.pem is there, and ca.pem is not"),
        ("no key", "ca.pem is there, and ca-key.pem is not"),
        ("half a certificate", "ca.pem is damaged"),
        ("an empty certificate", "ca.pem is damaged"),
        ("half a key", "ca-key.pem is damaged"),
        ("no text in the key", "ca-key.pem is damaged"),
        ("another key", "ca-key.pem is not the key of ca.pem"),
    ],
)
def test_the_authority_that_boards_trust_is_never_replaced_without_a_word(
    tmp_path: Path, what: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "cloud"
    ca, key = made(folder)
    half = len(ca.read_bytes()) // 2
    if what.startswith("no ") and "text" not in what:
        (ca if "certificate" in what else key).unlink()
    elif what == "half a certificate":
        ca.write_bytes(ca.read_bytes()[:half])
    elif what == "an empty certificate":
        ca.write_bytes(b"")
    elif what == "half a key":
        key.write_bytes(key.read_bytes()[:half])
    elif what == "no text in the key":
        key.write_bytes(bytes(range(256)))
    else:
        key.write_bytes(made(tmp_path / "other")[1].read_bytes())
    there = {one.name: one.read_bytes() for one in (ca, key) if one.exists()}
    with pytest.raises(Refused, match=why):
        Certificates(folder)
    for more in ((), ("--json",)):
        assert CLOUD.main(["serve", "--folder", str(folder), *more]) == 1
        err = capsys.readouterr().err
        assert why in (json.loads(err)["error"] if more else err)
        assert f"rm -f {ca} {key}" in err
    assert there == {one.name: one.read_bytes() for one in (ca, key) if one.exists()}
