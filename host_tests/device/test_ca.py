"""The root certificates on the board are the platform's own, and nothing else."""

import ast
import hashlib
import re
import ssl
from pathlib import Path

import pytest

from host_tests.kit import device_sdk

CA_MODULE = Path(__file__).parents[2] / "micropython" / "alink" / "signin" / "ca.py"

# SHA-256 of the DER form, as the "SDK Root Certificate Update Guide" and GlobalSign publish them.
FINGERPRINTS = {
    "_R1": "ebd41040e4bb3ec742c9e381d31ef2a41a48b6685c96e7cef3c1df6cd4331c99",
    "_ALIYUN": "7ca438a3976b5242d231f861499822da855831382735836b361e7e9715661676",
    "_R6": "2cabeafe37d06ca22aba7391c0033d25982952c453647349763a3ab5ad6ccf69",
}


def carried() -> dict[str, bytes]:
    """Name -> DER of every certificate in the device's ca.py, read without running it."""
    found = {}
    for node in ast.parse(CA_MODULE.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = ast.literal_eval(node.value)
            assert isinstance(value, bytes)
            found[node.targets[0].id] = value
    return found


def published() -> set[bytes]:
    """DER of every root that the platform's own Python SDK trusts."""
    source = (device_sdk.folder() / "linkkit" / "linkkit.py").read_text(encoding="utf-8")
    pems = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", source, re.S)
    return {ssl.PEM_cert_to_DER_cert(pem) for pem in pems}


@pytest.mark.parametrize("name", sorted(FINGERPRINTS))
def test_each_root_has_the_published_fingerprint(name: str) -> None:
    assert hashlib.sha256(carried()[name]).hexdigest() == FINGERPRINTS[name]


def test_no_other_root_is_trusted() -> None:
    assert set(carried()) == set(FINGERPRINTS)


def test_every_root_is_one_that_the_platforms_own_sdk_trusts() -> None:
    known = published()
    assert len(known) >= 3
    assert all(der in known for der in carried().values())
