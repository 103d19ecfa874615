"""The owner's signature of a package, in the platform's form: RSA-2048, PKCS#1 v1.5, SHA-256.

What is signed is the raw digest of the file that the upgrade message carries ("OTA updates",
89307: `digestsign`), so the value under the padding is SHA256(digest). Key files are PEM without
a pass phrase: the private one is for its owner's eyes only (mode 0600), boards get the public one.
"""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tools.cli import Refused

BITS = 2048
EXPONENT = 65537
METHODS = {"Md5": "md5", "SHA256": "sha256"}  # the platform's spelling -> hashlib's


def new_key(path: Path) -> Path:
    """Make a key pair: the private part at `path` (0600), the public one beside it (returned).

    Neither file is ever written over. Raises Refused, OSError.
    """
    public = public_path(path)
    if public.exists():
        raise Refused(f"{public} is there already", "Choose another name.")
    key = rsa.generate_private_key(public_exponent=EXPONENT, key_size=BITS)
    try:
        # Made with its final mode, before anything secret is in it.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Refused(
            f"{path} is there already",
            "Choose another name: boards that trust a lost key cannot be updated any more.",
        ) from None
    with os.fdopen(handle, "wb") as out:
        out.write(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    public.write_bytes(_public_bytes(key.public_key(), serialization.Encoding.PEM))
    return public


def public_path(path: Path) -> Path:
    """Where the public part of a key file is: key.pem -> key.pub.pem."""
    return path.with_name(f"{path.stem}.pub{path.suffix}")


def load_private(path: Path) -> rsa.RSAPrivateKey:
    """A private key from its PEM or DER file. Raises Refused, OSError."""
    data = path.read_bytes()
    try:
        if _is_pem(data):
            key = serialization.load_pem_private_key(data, None)
        else:
            key = serialization.load_der_private_key(data, None)
    except TypeError:
        raise Refused(f"{path} has a pass phrase", "Export it without one.") from None
    except ValueError:
        raise Refused(
            f"{path} is no private key", "Make one: tools/image.py sign --new-key FILE."
        ) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Refused(f"{path} is no RSA key", "The platform signs with RSA-2048.")
    _check(key.public_key(), path)
    return key


def load_public(path: Path) -> bytes:
    """A public key from its PEM or DER file, as DER (SubjectPublicKeyInfo).

    Raises Refused, OSError.
    """
    data = path.read_bytes()
    try:
        pem, der = serialization.load_pem_public_key, serialization.load_der_public_key
        key = pem(data) if _is_pem(data) else der(data)
    except ValueError:
        why = "holds a private key" if b"PRIVATE KEY-----" in data else "is no public key"
        raise Refused(f"{path} {why}", "Give the public one (name.pub.pem).") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise Refused(f"{path} is no RSA key", "The platform signs with RSA-2048.")
    _check(key, path)
    return _public_bytes(key, serialization.Encoding.DER)


def fingerprint(der: bytes) -> str:
    """What people compare of a public key (DER): the beginning of its SHA-256."""
    return grouped(hashlib.sha256(der).hexdigest())


def grouped(digest: str) -> str:
    """The fingerprint of a public key whose SHA-256 (hex) is known."""
    return ":".join(digest[i : i + 4] for i in range(0, 32, 4))


def digestsign(key: rsa.RSAPrivateKey, digest: bytes) -> str:
    """The field `digestsign` (base64) for a file with this digest (16 or 32 bytes)."""
    return base64.b64encode(key.sign(digest, padding.PKCS1v15(), hashes.SHA256())).decode()


def _is_pem(data: bytes) -> bool:
    return b"-----BEGIN" in data


def _check(key: rsa.RSAPublicKey, path: Path) -> None:
    if key.key_size != BITS or key.public_numbers().e != EXPONENT:
        raise Refused(
            f"{path} has {key.key_size} bits and the exponent {key.public_numbers().e}",
            f"It must be RSA with {BITS} bits and {EXPONENT}.",
        )


def _public_bytes(key: rsa.RSAPublicKey, encoding: serialization.Encoding) -> bytes:
    return key.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
