"""Packages signed by the owner: a board with a key installs nothing else, whoever sends it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.rig import DN, PK, Rig, app
from tools import signing

SIGNED = app(options="sign_key=settings.get_bytes('sign_key')")
URLS = {"size": None, "url": None, "sign": None, "md5": None, "digestsign": None}


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "owner.pem"
    signing.new_key(path)
    return path


@pytest.fixture
def rig(tmp_path: Path, key_file: Path) -> Iterator[Rig]:
    """A board with the owner's public key."""
    with Rig(tmp_path) as rig:
        der = signing.load_public(signing.public_path(key_file))
        rig.board.nvs_set("alink", "sign_key", der)
        rig.start("1.0.0", SIGNED)
        yield rig


def refused(rig: Rig, version: str, why: str) -> None:
    """The task fails with -3 and this reason; nothing was fetched, erased or made bootable."""
    desc = rig.ends(version, "FAILED")
    assert f"E68 signature: {why}" in desc, desc
    assert [n for n in rig.steps() if n < 0][-1] == -3
    assert all(n < 0 for n in rig.steps()), "a download was begun"
    assert rig.fetched() == []
    assert rig.untouched()
    assert rig.boots_slot() == 0
    assert len(rig.board.boots) == 1, "the board restarted"


def test_a_package_signed_by_the_owner_is_installed(rig: Rig, key_file: Path) -> None:
    image = rig.image("1.1.0", SIGNED)
    rig.release("1.1.0", image, sign_method="SHA256", sign_key=key_file)
    rig.push("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")
    assert rig.holds(1, image)


def test_a_package_without_a_signature_or_with_a_wrong_one_is_not_even_fetched(
    rig: Rig, tmp_path: Path, key_file: Path
) -> None:
    strangers = tmp_path / "stranger.pem"
    signing.new_key(strangers)
    image = rig.release("1.1.0", sign_key=strangers)
    # More often than a job may fail: what was never tried does not use up its attempts.
    for _ in range(2):
        rig.push("1.1.0", digestsign=None)
        refused(rig, "1.1.0", "missing")
        rig.push("1.1.0")
        refused(rig, "1.1.0", "wrong")
    rig.push("1.1.0", digestsign="no base64 at all")
    refused(rig, "1.1.0", "wrong")
    # The signature of the SHA256, in a job that names the MD5.
    key = signing.load_private(key_file)
    rig.push("1.1.0", digestsign=signing.digestsign(key, hashlib.sha256(image).digest()))
    refused(rig, "1.1.0", "wrong")
    # And the right one still gets through.
    rig.push("1.1.0", digestsign=signing.digestsign(key, hashlib.md5(image).digest()))
    rig.ends("1.1.0", "SUCCEEDED")


def test_who_changes_the_job_on_its_way_gets_nothing_installed(rig: Rig, key_file: Path) -> None:
    # Somebody between platform and board: a good job's signature, with a file of his own.
    rig.release("1.1.0", sign_key=key_file)
    evil = rig.image("6.6.6")
    rig.release("6.6.6", evil)
    link = rig.cloud.link(PK, DN, "6.6.6")
    md5 = hashlib.md5(evil).hexdigest()
    rig.push("1.1.0", url=link, size=len(evil), sign=md5, md5=md5)
    refused(rig, "1.1.0", "wrong")
    # With the digest that was signed, the download itself gives him away.
    rig.push("1.1.0", url=link, size=len(evil))
    assert "E60 digest" in rig.ends("1.1.0", "FAILED")
    assert rig.boots_slot() == 0
    assert len(rig.board.boots) == 1, "the board restarted"


def test_each_file_of_a_package_needs_its_own_signature(rig: Rig, key_file: Path) -> None:
    image = rig.release("1.1.0", sign_key=key_file)
    key = signing.load_private(key_file)
    digest = hashlib.md5(image)
    good = {
        "fileName": "a",
        "fileSize": len(image),
        "fileUrl": rig.cloud.link(PK, DN, "1.1.0"),
        "fileSign": digest.hexdigest(),
        "digestsign": signing.digestsign(key, digest.digest()),
    }
    other = {**good, "fileName": "b", "fileSign": "0" * 32}
    rig.push("1.1.0", data={**URLS, "files": [good, other]})
    refused(rig, "1.1.0", "wrong b")
    # A signature beside the list says nothing of what is in it.
    del other["digestsign"]
    rig.push("1.1.0", data={**URLS, "files": [good, other], "digestsign": good["digestsign"]})
    refused(rig, "1.1.0", "missing b")


def test_a_board_without_a_key_takes_signed_and_unsigned_packages(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", SIGNED)
        nonsense = base64.b64encode(bytes(256)).decode()
        rig.update("1.1.0", rig.image("1.1.0", SIGNED), digestsign=nonsense)
        rig.ends("1.1.0", "SUCCEEDED")
