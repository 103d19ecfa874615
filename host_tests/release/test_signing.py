"""The owner's signature: what `image.py sign` makes is what a board takes, and nothing like it."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from host_tests.kit.device_process import run_device
from tools import signing
from tools.cli import Refused
from tools.cloud import LocalCloud
from tools.cloud.__main__ import main as cloud_main
from tools.cloud.store import CloudStore
from tools.image import main

TOY = bytes(range(256)) + bytes(range(16))
# DigestInfo of SHA-256 without the digest (RFC 8017, 9.2).
INFO = bytes.fromhex("3031300d060960864801650304020105000420")

_CHECK = """
import binascii, json, sys
from alink.job import signature
with open(sys.argv[1]) as f:
    task = json.load(f)
n = signature.load_key(binascii.unhexlify(task["key"]))
digest = binascii.unhexlify(task["digest"])
print(json.dumps([signature.good(n, binascii.unhexlify(s), digest) for s in task["signatures"]]))
"""


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "owner.pem"
    signing.new_key(path)
    return path


def taken(folder: Path, key_file: Path, digest: bytes, signatures: list[bytes]) -> list[bool]:
    """What alink says of each signature."""
    file = folder / "task.json"
    der = signing.load_public(signing.public_path(key_file))
    task = {"key": der.hex(), "digest": digest.hex(), "signatures": [s.hex() for s in signatures]}
    file.write_text(json.dumps(task))
    answer: list[bool] = json.loads(run_device(_CHECK, str(file)).splitlines()[-1])
    assert len(answer) == len(signatures)
    return answer


def raw(key_file: Path, message: bytes) -> bytes:
    """The private key's answer to an encoded message of our own choice."""
    key = signing.load_private(key_file).private_numbers()
    m = int.from_bytes(message, "big")
    by_p, by_q = pow(m, key.dmp1, key.p), pow(m, key.dmq1, key.q)
    return (by_q + (by_p - by_q) * key.iqmp % key.p * key.q).to_bytes(256, "big")


def encoded(digest: bytes) -> bytearray:
    """The whole message under a good signature."""
    tail = b"\0" + INFO + hashlib.sha256(digest).digest()
    return bytearray(b"\0\1" + b"\xff" * (256 - 2 - len(tail)) + tail)


def test_what_sign_prints_is_what_a_board_takes(
    tmp_path: Path, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "toy.bin"
    image.write_bytes(TOY)
    assert main(["sign", "--key", str(key_file), str(image), "--json"]) == 0
    signed = json.loads(capsys.readouterr().out)
    for method, digest in (("Md5", hashlib.md5(TOY)), ("SHA256", hashlib.sha256(TOY))):
        fields = signed[method]
        assert fields["sign"] == digest.hexdigest()
        assert len(fields["digestsign"]) == 344
        signature = base64.b64decode(fields["digestsign"], validate=True)
        assert taken(tmp_path, key_file, digest.digest(), [signature]) == [True]
    assert main(["sign", "--key", str(key_file), str(image)]) == 0
    shown = capsys.readouterr().out
    assert signed["SHA256"]["digestsign"] in shown
    assert signed["Md5"]["digestsign"] in shown


def test_no_bit_of_the_padding_may_differ(tmp_path: Path, key_file: Path) -> None:
    digest = hashlib.md5(TOY).digest()
    messages = [encoded(digest)]
    for at in {*range(0, 256, 17), *range(4), *range(200, 210), 255}:
        changed = encoded(digest)
        changed[at] ^= 1 << (at % 7)  # never so that the first byte makes it larger than n
        messages.append(changed)
    signatures = [raw(key_file, bytes(message)) for message in messages]
    assert taken(tmp_path, key_file, digest, signatures) == [True] + [False] * (len(messages) - 1)


def test_a_release_that_was_cut_to_nothing_is_not_signed(
    tmp_path: Path, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.bin").touch()
    assert main(["sign", "--key", str(key_file), str(tmp_path / "empty.bin")]) == 1
    assert "empty.bin is empty" in capsys.readouterr().err


def test_a_hash_in_front_of_garbage_is_no_signature(tmp_path: Path, key_file: Path) -> None:
    # Bleichenbacher 2006, and its variants: a parser that stops at the hash would take them.
    digest = hashlib.sha256(TOY).digest()
    h = hashlib.sha256(digest).digest()
    no_null = bytes.fromhex("302f300b0609608648016503040201" + "0420")
    long_form = bytes.fromhex("308131300d060960864801650304020105000420")
    sha1 = bytes.fromhex("3021300906052b0e03021a05000414") + hashlib.sha1(digest).digest()
    forged = [
        (b"\0\1" + b"\xff" * 8 + b"\0" + INFO + h).ljust(256, b"\x5a"),
        (b"\0\1" + b"\xff" * 0 + b"\0" + INFO + h).ljust(256, b"\0"),
        (b"\0\1\0" + INFO + h).rjust(256, b"\0"),
        b"\0\1" + b"\xff" * (254 - len(INFO + h) - 9) + b"\0" + INFO + h + b"garbage.",
        b"\0\2" + bytes(encoded(digest)[2:]),  # the padding of encryption
        b"\0\1" + b"\xff" * (253 - len(no_null + h)) + b"\0" + no_null + h,
        b"\0\1" + b"\xff" * (253 - len(long_form + h)) + b"\0" + long_form + h,
        b"\0\1" + b"\xff" * (253 - len(sha1)) + b"\0" + sha1,
        h.rjust(256, b"\0"),
    ]
    assert all(len(message) == 256 for message in forged)
    signatures = [raw(key_file, message) for message in forged]
    assert taken(tmp_path, key_file, digest, signatures) == [False] * len(forged)


def test_a_new_key_is_for_its_owner_alone_and_never_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "owner.pem"
    assert main(["sign", "--new-key", str(path)]) == 0
    said = capsys.readouterr().out
    assert path.stat().st_mode & 0o777 == 0o600
    public = tmp_path / "owner.pub.pem"
    assert b"PRIVATE" not in public.read_bytes()
    assert signing.fingerprint(signing.load_public(public)) in said
    before = path.read_bytes()
    assert main(["sign", "--new-key", str(path)]) == 1
    public.unlink()
    assert main(["sign", "--new-key", str(path)]) == 1
    assert path.read_bytes() == before
    assert "is there already" in capsys.readouterr().err


def test_a_key_that_boards_would_refuse_is_refused_here(tmp_path: Path) -> None:
    image = tmp_path / "toy.bin"
    image.write_bytes(TOY)

    def refusal(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, phrase: bytes = b"") -> str:
        protection: serialization.KeySerializationEncryption = (
            serialization.BestAvailableEncryption(phrase)
            if phrase
            else serialization.NoEncryption()
        )
        path = tmp_path / "bad.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
            )
        )
        with pytest.raises(Refused) as caught:
            signing.load_private(path)
        return caught.value.cause

    assert "1024 bits" in refusal(rsa.generate_private_key(65537, 1024))
    assert "exponent 3" in refusal(rsa.generate_private_key(3, 2048))
    assert "no RSA key" in refusal(ec.generate_private_key(ec.SECP256R1()))
    assert "pass phrase" in refusal(rsa.generate_private_key(65537, 2048), b"secret")


def test_what_is_no_key_is_named(
    tmp_path: Path, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "toy.bin"
    image.write_bytes(TOY)
    assert main(["sign", "--key", str(image), str(image)]) == 1
    assert "is no private key" in capsys.readouterr().err
    assert main(["sign", "--key", "/nowhere/key.pem", str(image)]) == 1
    assert "/nowhere/key.pem" in capsys.readouterr().err
    assert main(["sign", "--key", str(key_file)]) == 1
    assert "no file to sign" in capsys.readouterr().err
    with pytest.raises(Refused, match="holds a private key"):
        signing.load_public(key_file)


def test_a_signed_release_carries_the_signature_of_the_digest_it_names(
    tmp_path: Path, key_file: Path
) -> None:
    with LocalCloud(tmp_path / "cloud") as cloud:
        for version, method in (("1.1.0", "Md5"), ("1.2.0", "SHA256")):
            release = cloud.add_release(
                "a1B2c3D4e5F", version, TOY, sign_method=method, sign_key=key_file
            )
            digest = hashlib.new(method.lower(), TOY).digest()
            signature = base64.b64decode(release.data["digestsign"])
            assert taken(tmp_path, key_file, digest, [signature]) == [True]
        cloud.add_release("a1B2c3D4e5F", "1.3.0", TOY)
        # Not silently the unsigned one that is there already.
        with pytest.raises(Refused, match="already has another"):
            cloud.add_release("a1B2c3D4e5F", "1.3.0", TOY, sign_key=key_file)
        with pytest.raises(Refused, match="is no private key"):
            cloud.add_release("a1B2c3D4e5F", "1.4.0", TOY, sign_key=signing.public_path(key_file))


def test_the_stand_ins_command_signs_a_release(
    tmp_path: Path, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "toy.bin"
    image.write_bytes(TOY)
    add = ["release", "add", "a1B2c3D4e5F", "1.1.0", str(image), "--force"]
    add += ["--folder", str(tmp_path / "c")]
    assert cloud_main([*add, "--sign-key", "/nowhere.pem"]) == 1
    assert "cannot read /nowhere.pem" in capsys.readouterr().err
    assert cloud_main([*add, "--sign-key", str(key_file)]) == 0
    (release,) = CloudStore(tmp_path / "c" / "cloud.sqlite").releases()
    signature = base64.b64decode(release.data["digestsign"])
    assert taken(tmp_path, key_file, hashlib.md5(TOY).digest(), [signature]) == [True]
