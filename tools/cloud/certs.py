"""The stand-in's own certificate authority and its servers' certificates, good and bad ones.

The authority is made once for a folder and kept, so that a board that was given it goes on
trusting the stand-in after a restart. Dates are wide (2000 to 3000): a board's clock may be off.
"""

from __future__ import annotations

import datetime
import os
import shlex
import ssl
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from tools.cli import Refused
from tools.cloud.faults import CERTIFICATES

# RSA of 2048 bits, as the platform's own: the TLS of Alibaba's C SDK (mbedTLS as it configures it)
# knows no other keys. It offers suites without a Diffie-Hellman exchange first, as
# TLS_RSA_WITH_AES_128_CBC_SHA256, and Python's own list has none of them.
_KEYS = trustme.KeyType.RSA
_ALSO = ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA256", "AES256-SHA256")


class Certificates:
    """The authority of one folder: `ca_pem` and `ca_der` are its certificate.

    `hosts` are names and addresses that good certificates hold for, besides localhost and
    127.0.0.1. Raises Refused for an authority of which a part is gone, damaged or another's.
    """

    def __init__(self, folder: Path, hosts: tuple[str, ...] = ()) -> None:
        self.hosts = tuple(dict.fromkeys(("localhost", "127.0.0.1", *hosts)))
        self.ca_file = folder / "ca.pem"
        key_file = folder / "ca-key.pem"
        if self.ca_file.exists() or key_file.exists():
            self._ca = _kept(self.ca_file, key_file)
        else:
            self._ca = trustme.CA(organization_name="alink test cloud", key_type=_KEYS)
            descriptor = os.open(key_file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._ca.private_key_pem.bytes())
            self.ca_file.write_bytes(self._ca.cert_pem.bytes())
        self.ca_pem = self._ca.cert_pem.bytes()
        self.ca_der = x509.load_pem_x509_certificate(self.ca_pem).public_bytes(Encoding.DER)

    def context(self, kind: str = "good") -> ssl.SSLContext:
        """A server's TLS settings with a certificate of this kind. Raises ValueError.

        "expired" ended in 2021 and "not-yet-valid" begins in 2049; "wrong-host" holds for another
        name, "other-ca" comes from an authority nobody trusts.
        """
        if kind not in CERTIFICATES:
            raise ValueError(f"certificate {kind!r}: use one of {', '.join(CERTIFICATES)}")
        ca = trustme.CA(key_type=_KEYS) if kind == "other-ca" else self._ca
        hosts = ("elsewhere.example",) if kind == "wrong-host" else self.hosts
        begin = end = None
        if kind == "expired":
            begin, end = datetime.datetime(2020, 1, 1), datetime.datetime(2021, 1, 1)
        elif kind == "not-yet-valid":
            begin, end = datetime.datetime(2049, 1, 1), datetime.datetime(2050, 1, 1)
        leaf = ca.issue_cert(*hosts, not_before=begin, not_after=end, key_type=_KEYS)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        own = [one["name"] for one in context.get_ciphers() if one["protocol"] != "TLSv1.3"]
        context.set_ciphers(":".join((*own, *_ALSO)))
        leaf.configure_cert(context)
        return context


def _kept(ca_file: Path, key_file: Path) -> trustme.CA:
    """The authority that is there already. Boards trust it: a new one never takes its place."""
    for here, gone in ((ca_file, key_file), (key_file, ca_file)):
        if not gone.exists():
            raise _unusable(ca_file, key_file, f"{here} is there, and {gone.name} is not")
    ca, key = ca_file.read_bytes(), key_file.read_bytes()
    try:
        certificate = x509.load_pem_x509_certificate(ca)
    except ValueError:
        raise _unusable(ca_file, key_file, f"{ca_file} is damaged") from None
    try:
        private = load_pem_private_key(key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _unusable(ca_file, key_file, f"{key_file} is damaged") from None
    if private.public_key() != certificate.public_key():
        raise _unusable(ca_file, key_file, f"{key_file} is not the key of {ca_file.name}")
    return trustme.CA.from_pem(ca, key)


def _unusable(ca_file: Path, key_file: Path, why: str) -> Refused:
    return Refused(
        f"{why}: the folder's certificate authority cannot be used",
        f"Bring back both as they were. Or remove them (rm -f {shlex.quote(str(ca_file))} "
        f"{shlex.quote(str(key_file))}): then a new one is made, which every board has to be "
        "given (`ca` of its settings) before it trusts this server again.",
    )
