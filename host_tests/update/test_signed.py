"""Packages signed by the owner: a board with a key installs nothing else, whoever sends it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.kit.rig import DN, PK, Rig, app
from tools import signing

URLS = {"size": None, "url": None, "sign": None, "md5": None, "digestsign": None}


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "owner.pem"
    signing.new_key(path)
    return path


@pytest.fixture
def rig(tmp_path: Path, key_file: Path) -> Iterator[Rig]:
    """A board with the owner's public key, whose application knows nothing of it."""
    with Rig(tmp_path) as rig:
        der = signing.load_public(signing.public_path(key_file))
        rig.board.nvs_set("alink", "sign_key", der)
        rig.start("1.0.0")
        yield rig


def refused(rig: Rig, version: str, why: str, name: str = "E68 signature", step: int = -3) -> None:
    """The task fails with this reason; nothing was fetched, erased or made bootable."""
    desc = rig.ends(version, "FAILED")
    assert f"{name}: {why}" in desc, desc
    assert [n for n in rig.steps() if n < 0][-1] == step
    assert all(n < 0 for n in rig.steps()), "a download was begun"
    assert rig.fetched() == []
    assert rig.untouched()
    assert rig.boots_slot() == 0
    assert len(rig.board.boots) == 1, "the board restarted"


def test_a_package_signed_by_the_owner_is_installed(rig: Rig, key_file: Path) -> None:
    image = rig.image("1.1.0")
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
        rig.start("1.0.0")
        nonsense = base64.b64encode(bytes(256)).decode()
        rig.update("1.1.0", digestsign=nonsense)
        rig.ends("1.1.0", "SUCCEEDED")


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (1, "sign_key cannot be read"),
        (b"k" * 3000, "sign_key cannot be read"),
        (b"", "sign_key is neither PEM nor DER"),
        (b"k" * 294, "sign_key is neither PEM nor DER"),
        (b"-----BEGIN PUBLIC KEY-----", "sign_key is no whole PEM"),
    ],
)
def test_a_key_that_cannot_be_used_does_not_mean_that_everything_may_be_installed(
    tmp_path: Path, key: int | bytes, why: str
) -> None:
    with Rig(tmp_path) as rig:
        rig.board.nvs_set("alink", "sign_key", key)
        rig.start("1.0.0")
        rig.update("1.1.0")
        refused(rig, "1.1.0", why, "E1 config", -1)


def reading(body: str) -> str:
    """The start of an application whose board reads a blob (nvs, key, buf) in this way."""
    return f"""
import esp32
get_blob = esp32.NVS.get_blob
def changed(nvs, key, buf):
{body}
esp32.NVS.get_blob = changed
"""


def test_a_settings_memory_that_cannot_be_read_does_not_mean_that_there_is_no_key(
    tmp_path: Path,
) -> None:
    broken = reading(
        """
    if key == "sign_key":
        raise OSError(-4353, "ESP_ERR_NVS_NOT_INITIALIZED")
    return get_blob(nvs, key, buf)
"""
    )
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", app(prologue=broken))
        rig.update("1.1.0")
        refused(rig, "1.1.0", "sign_key cannot be read", "E1 config", -1)


def test_a_key_that_is_found_only_as_another_type_is_a_key_that_cannot_be_read(
    tmp_path: Path,
) -> None:
    # As ESP-IDF may answer: it looks for key and type at once.
    typed = reading(
        """
    try:
        return get_blob(nvs, key, buf)
    except OSError:
        raise OSError(-4354, "ESP_ERR_NVS_NOT_FOUND")
"""
    )
    with Rig(tmp_path) as rig:
        rig.board.nvs_set("alink", "sign_key", 1)
        rig.start("1.0.0", app(prologue=typed))
        rig.update("1.1.0")
        refused(rig, "1.1.0", "sign_key cannot be read", "E1 config", -1)


def test_a_key_provisioned_while_the_application_runs_counts_from_the_next_job_on(
    tmp_path: Path, key_file: Path
) -> None:
    der = signing.load_public(signing.public_path(key_file))
    later = f"Store('alink').set_bytes('sign_key', {der!r})"
    with Rig(tmp_path) as rig:
        rig.start("1.0.0", app(setup=later))
        rig.update("1.1.0")
        refused(rig, "1.1.0", "missing")


def test_the_key_of_the_application_goes_before_that_of_the_settings(
    rig: Rig, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.pem"
    signing.new_key(mine)
    der = signing.load_public(signing.public_path(mine))
    rig.board.power_cut()
    rig.board.write_slot(0, rig.image("1.0.0", app(options=f"sign_key={der!r}")))
    rig.board.power_on()
    rig.release("1.1.0", sign_method="SHA256", sign_key=mine)
    rig.push("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")


@pytest.mark.parametrize("change", ["unsigned", "method", "digest", "size"])
def test_who_offers_the_job_under_way_again_gets_nothing_else_installed(
    rig: Rig, key_file: Path, change: str
) -> None:
    rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 4096, 0.05
    image = rig.release("1.1.0", sign_key=key_file)
    md5 = hashlib.md5(image).hexdigest()
    rig.push("1.1.0")
    rig.wait(rig.fetched, "the download")
    sha = md5[:16] + "0" * 48
    changes: dict[str, dict[str, object]] = {
        "unsigned": {"digestsign": None},
        "method": {"signMethod": "SHA256", "sign": sha, "md5": None},
        "digest": {"sign": md5[:16] + "0" * 16, "md5": None},
        "size": {"size": 4096},
    }
    rig.push("1.1.0", scheme="mqtt", override=True, data=changes[change])
    rig.says("offered again, it is not the same")
    rig.cloud.faults.drip_bytes = 0
    rig.ends("1.1.0", "SUCCEEDED")
    assert rig.holds(1, image)
    assert rig.cloud.blocks == [], "it changed over"


def test_a_signed_job_that_is_offered_the_other_way_goes_on_that_way(
    rig: Rig, key_file: Path
) -> None:
    rig.cloud.faults.uplink_qos0_per_s = None
    rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 4096, 0.05
    image = rig.release("1.1.0", sign_key=key_file)
    rig.push("1.1.0")
    rig.wait(rig.fetched, "the download")
    rig.push("1.1.0", scheme="mqtt", override=True)
    rig.ends("1.1.0", "SUCCEEDED")
    assert rig.holds(1, image)
    assert rig.cloud.blocks != []
