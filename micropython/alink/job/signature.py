# Is a file's digest signed with the owner's key? RSA-2048, PKCS#1 v1.5, SHA-256. MIT licence.
#
# The platform's `digestsign` signs the raw digest of the file ("OTA updates", 89307), so the value
# under the padding is SHA256(digest). A check takes an estimated 0.1 s at most on an ESP32, see
# docs/security.md. RAM: 300 bytes for the key; a check leaves 21 KiB of garbage, of which 2 KiB at
# a time are in use. Loaded with a key only.

import binascii
import hashlib

from micropython import const

from ..errors import AlinkError

_E_SIGNATURE = const(68)

_BYTES = const(256)  # of a modulus and a signature
_SQUARINGS = const(16)  # 65537 is 1 << 16 | 1

_SEQUENCE = const(0x30)
_INTEGER = const(0x02)
_BITS = const(0x03)
_RSA = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"  # rsaEncryption, NULL
# DigestInfo of SHA-256 without the digest (RFC 8017, 9.2).
_INFO = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"


def load_key(key):
    """A public key -> its modulus (int), for check().

    key: PEM or DER (bytes or str), "PUBLIC KEY" or "RSA PUBLIC KEY". Raises ValueError, with what
    is wrong with it, unless it is one of 2048 bits with the exponent 65537.
    """
    data = key.encode() if isinstance(key, str) else bytes(key)
    if b"-----BEGIN" in data:
        data = _from_pem(data)
    body = _whole(data)
    if body[:1] == b"\x30":
        algorithm, rest = _part(body, _SEQUENCE)
        if algorithm != _RSA:
            raise ValueError("sign_key is no RSA key: the platform signs with RSA")
        bits, rest = _part(rest, _BITS)
        if rest or bits[:1] != b"\0":
            raise ValueError("sign_key is damaged: export it again")
        body = _whole(bits[1:])
    n, rest = _part(body, _INTEGER)
    e, rest = _part(rest, _INTEGER)
    if rest:
        # A private key goes on here, too.
        raise ValueError("sign_key is not a public key alone: export the public one")
    if len(n) != _BYTES + 1 or n[0] or not n[1] & 0x80:
        raise ValueError("sign_key must have 2048 bits")
    if e != b"\x01\x00\x01":
        raise ValueError("sign_key must have the public exponent 65537")
    return int.from_bytes(n, "big")


def _from_pem(data):
    for label in (b"PUBLIC KEY-----", b"RSA PUBLIC KEY-----"):
        _, begun, rest = data.partition(b"-----BEGIN " + label)
        body, ended, _ = rest.partition(b"-----END " + label)
        if begun and ended:
            try:
                return binascii.a2b_base64(b"".join(body.split()))
            except ValueError:
                break
    raise ValueError("sign_key is no whole PEM of a PUBLIC KEY: export it again")


def _whole(data):
    body, rest = _part(data, _SEQUENCE)
    if rest:
        raise ValueError("sign_key is damaged: export it again")
    return body


def _part(data, tag):
    # The first DER element of `data` -> (its content, what is behind it).
    size = data[1] if len(data) > 1 else -1
    at = 2
    if size > 0x80:
        at += size & 0x7F
        size = int.from_bytes(data[2:at], "big") if at <= 4 else -1
    if not data or data[0] != tag or size < 0 or at + size > len(data):
        raise ValueError("sign_key is neither PEM nor DER of an RSA public key")
    return data[at : at + size], data[at + size :]


def good(n, signature, digest):
    """Whether `signature` (bytes) is that of `digest` (bytes) under the key of modulus n (int)."""
    if len(signature) != _BYTES:
        return False
    s = int.from_bytes(signature, "big")
    if s >= n:
        return False
    # By hand, since pow() with three arguments is left out of some builds. Nothing is secret.
    m = s
    for _ in range(_SQUARINGS):
        m = m * m % n
    m = m * s % n
    # The whole message is compared, never parsed: no byte of it is anybody's choice (a parser that
    # looks for the hash behind the padding takes forgeries under small exponents).
    tail = _INFO + hashlib.sha256(digest).digest()
    whole = b"\0\1" + b"\xff" * (_BYTES - 3 - len(tail)) + b"\0" + tail
    return m == int.from_bytes(whole, "big")


def check(n, files):
    """Raise AlinkError(SIGNATURE) unless each of `files` (job.File) is signed by the key n."""
    for file in files:
        if file.signature is None:
            raise AlinkError(_E_SIGNATURE, "missing " + file.name[:32])
        if not good(n, file.signature, file.digest):
            raise AlinkError(_E_SIGNATURE, "wrong " + file.name[:32])
