# Only a file signed with the owner's key may be installed. MIT licence.
#
# Keys and signatures were made by the Python package cryptography 50.0.2, for this file alone; the
# digests are those of the toy image of 272 bytes 00..FF 00..0F.

import binascii
import time

from alink import errors
from alink.errors import AlinkError
from alink.job import signature
from alink.job.offer import File

_MD5 = binascii.unhexlify("5aea39a2a288d22d9b19b9cab95bf00c")
_SHA256 = binascii.unhexlify("6aed54b2c80834cc921daeb23e938d39137f3c6878c1e56d8cbe176ac2bcd258")

_KEY = binascii.a2b_base64(
    b"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAweCVP2rn79KfAcx3t0aeByquUfAz8EMkccy4ieK2PinO+i"
    b"sjc3qJy9Bz4+6AmyM4l68JopUfEd0TY0g9bIbbS4EL91PhNbWFsVtlhtCX79LQt+kP6zl1SYqAFyEj1pkw94WDrA4H"
    b"MHz3Ol5q7fCKPnog5v6hS39Qoo4oSFXUbR7ZGgUlDJGPOAVVbiylIIU28dL/Fua0jY4Uv8p4310TmtO0qkxLuYOoxY"
    b"yFA7qMcUJv2zK938ae8Gx8CJ9oXhhpOWF+MmeDKrAKv7tLNpODH1ty/uOqFP5Xoi9d8cpQojynnvjIgHypXKPMIOxp"
    b"XbNwJej/0k2RbMPHmTnfRtw7ywIDAQAB"
)
_PKCS1 = binascii.a2b_base64(
    b"MIIBCgKCAQEAweCVP2rn79KfAcx3t0aeByquUfAz8EMkccy4ieK2PinO+isjc3qJy9Bz4+6AmyM4l68JopUfEd0TY0"
    b"g9bIbbS4EL91PhNbWFsVtlhtCX79LQt+kP6zl1SYqAFyEj1pkw94WDrA4HMHz3Ol5q7fCKPnog5v6hS39Qoo4oSFXU"
    b"bR7ZGgUlDJGPOAVVbiylIIU28dL/Fua0jY4Uv8p4310TmtO0qkxLuYOoxYyFA7qMcUJv2zK938ae8Gx8CJ9oXhhpOW"
    b"F+MmeDKrAKv7tLNpODH1ty/uOqFP5Xoi9d8cpQojynnvjIgHypXKPMIOxpXbNwJej/0k2RbMPHmTnfRtw7ywIDAQAB"
)
# The key above once more, as a text editor holds it.
_PEM = """
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAweCVP2rn79KfAcx3t0ae
ByquUfAz8EMkccy4ieK2PinO+isjc3qJy9Bz4+6AmyM4l68JopUfEd0TY0g9bIbb
S4EL91PhNbWFsVtlhtCX79LQt+kP6zl1SYqAFyEj1pkw94WDrA4HMHz3Ol5q7fCK
Pnog5v6hS39Qoo4oSFXUbR7ZGgUlDJGPOAVVbiylIIU28dL/Fua0jY4Uv8p4310T
mtO0qkxLuYOoxYyFA7qMcUJv2zK938ae8Gx8CJ9oXhhpOWF+MmeDKrAKv7tLNpOD
H1ty/uOqFP5Xoi9d8cpQojynnvjIgHypXKPMIOxpXbNwJej/0k2RbMPHmTnfRtw7
ywIDAQAB
-----END PUBLIC KEY-----
"""
_PKCS1_PEM = b"""-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEAweCVP2rn79KfAcx3t0aeByquUfAz8EMkccy4ieK2PinO+isjc3qJ
y9Bz4+6AmyM4l68JopUfEd0TY0g9bIbbS4EL91PhNbWFsVtlhtCX79LQt+kP6zl1
SYqAFyEj1pkw94WDrA4HMHz3Ol5q7fCKPnog5v6hS39Qoo4oSFXUbR7ZGgUlDJGP
OAVVbiylIIU28dL/Fua0jY4Uv8p4310TmtO0qkxLuYOoxYyFA7qMcUJv2zK938ae
8Gx8CJ9oXhhpOWF+MmeDKrAKv7tLNpODH1ty/uOqFP5Xoi9d8cpQojynnvjIgHyp
XKPMIOxpXbNwJej/0k2RbMPHmTnfRtw7ywIDAQAB
-----END RSA PUBLIC KEY-----
"""
_OTHER_KEY = binascii.a2b_base64(
    b"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEApPu/sm2xUmPSM83lQ6wG58vSfFEHI0eq+2/ywIcdU3udt4"
    b"s3e6P37M7y6dvdMYLxg9WK2ye20nsf32yxEtHUihz2RseI1VQwfj0o7RRFCxXS26a7O6p2+a2sOcgqnH/6Cmi8s4Ph"
    b"TeeAy2ZuFPCRXRzGCTyVarA48hR70otrpwW8r0V70cdL1/0wrqr4hX7CbBJ1lIX1VHeRlDyt2wG8tC5Euct6TVU6/S"
    b"jkMPRe9uexNXYXp2sr+Rnk8Y7e19ZlmbLZw8nC9XMUGUCp0G6NI1Nxr2Jz3hBYjYBZ+lqlQR19jeeWoAaGW5Lj/Vo5"
    b"PGFCxuhwlYjVjQJTWTIEqoOoCwIDAQAB"
)
_EXPONENT_3 = binascii.a2b_base64(
    b"MIIBIDANBgkqhkiG9w0BAQEFAAOCAQ0AMIIBCAKCAQEAudBcRJZw5m1LsR6eYnd/rq8B/nrsNk6vnaSx3CYmNzxVK8"
    b"Je+lb6/kPTBbBiaSn4+xKW9JgiMnoQVaFu0SC7WqVFXEFXyAKoTZKOs1pHkcdi6MVkeW2nU+W+OGC0QuK8hFl0Um8X"
    b"6jPXQulFd0XsQDmIiz3kSIdBSsY6PNsn8/pCXPdQrYZLeD/ZI3J65YHagaSwBkDK6oBsELkrakTTXKuBqPRWMKo5LF"
    b"1y89CjT8FIryJ0rQQduqRLoDHrsh3D4AWL4uHZmO6pGx8yxQ/z294t8a4tzUuImv5UZ+8jP5haHro+ztBWbSLObG+W"
    b"kPiyl9y0i2ncn9f0pNCz2qsIvQIBAw=="
)
_BITS_1024 = binascii.a2b_base64(
    b"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDA4AJgFWMBuw9NS3rs2KCt3xJ/qaecF22Z63IvK7uyGQO3n3dd8r"
    b"Oq3mkAhbP5rNS8SVOh0AaLegoyP8otin0kUQ3HRtRd4wLPFOBmuaVqdfoFb+Bb2/ejhMX9EgObEemmBvhZemalQmvD"
    b"UlcvFJrF87oQurJrLuc8BPqnHoI8QwIDAQAB"
)
_EC_KEY = binascii.a2b_base64(
    b"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+ZPW+IZmNXCScnXwb7hlPvSKteg5DwzIu2R+TdJt4pc2Ruy2q5oFj3"
    b"7mRiTePgTcDfqyupT4Nx3vYuzgSQN0Zg=="
)
# A private key of 1024 bits: what a hurried owner may take for the public one.
_PRIVATE = binascii.a2b_base64(
    b"MIICXAIBAAKBgQDA4AJgFWMBuw9NS3rs2KCt3xJ/qaecF22Z63IvK7uyGQO3n3dd8rOq3mkAhbP5rNS8SVOh0AaLeg"
    b"oyP8otin0kUQ3HRtRd4wLPFOBmuaVqdfoFb+Bb2/ejhMX9EgObEemmBvhZemalQmvDUlcvFJrF87oQurJrLuc8BPqn"
    b"HoI8QwIDAQABAoGAdy30ScrtUrRz0B9D5fY10zp0A86hcyJG50VFWUB8yqAKW/x9ld/ShVLJLzlu7GiPS4lD1Ejmwm"
    b"i2xDYGh/17NVG7vS1taenbVaEyBY5oLM9oDEWbuDjG49oe9qcF1q8+kpTQTEqj+4E3jcOM3qfxRtuno8HN2b11qmJH"
    b"qnL/YoECQQD0upfBbkfkbjMpWH8kM4uwwNIByLneLPoSWFkST96Pa27fdVHN6p40GinFQzmbzVbO6709zXkkVZlcIG"
    b"/h2VI3AkEAycIMXZTeuQ9nPrm6EMGAjkVDurXWqO+Z9x0fqYxN0vjK6C0mdD7lizbnXPdr+/0uu7mYTvbGeiLuq8XO"
    b"FD2QVQJATblNJSOvNX9CRGlUx9yPCu3SRLrJPSSvr0/byhMPriECr3mFJ47R+94rUfkNvMu0PDdmfNBbHw0IjdfHcM"
    b"UidQJAah38LwRsGN33KdC6ArIkEbBwrTWTEAvl6UmSK7U2Aa8F2hRVU3L5fL2F9ynTzBgginBVocK+JeNVsVc6yv6O"
    b"eQJBAL5eNbkn67pZMxtvu902K10TQgHhKwgi9jAdLtGp/3QrSnEka/CPYLrP03e9PMg9xOo1zDb7jYxmupeVNXoxTe"
    b"g="
)
_OF_MD5 = binascii.a2b_base64(
    b"hhu6tLPeQNCR5LK6vd37F3fbNxBGju8rRZ56VtHxssh7Gfjky69f44efS1BZ8xhS9JQY2eMkmBMeXH4rQkjmPXosMM"
    b"8t6Hg0PUaI8ccob9iA6BOKFcv5q4aDzLKbOGEaPaoxhaVFSHtY4d3gt8pOR2RH6ULqTShpfuAoI3uOvjy53EVLueB5"
    b"zNHDWLQHcxUKS3852TbyQ/Jumuk6+o4eXcG3PYHqlwIbX4qsr4KYtDT9Q93pAku9hyvxefvA51kpdggNw8s93RQIn+"
    b"pDmsHm2e27yDs/9ykKeZvDs+ggE8dM3ZJ8eyqogcZzqBhRU/nT4opBACkfHVmq8nt4AwBOtg=="
)
_OF_SHA256 = binascii.a2b_base64(
    b"lDJjY42larHNfG6PL/5WTkqlO7w7loFK17IqFwBzN8+i8hqVrXKllLh9EIYEEuj0Hxd1ap77jVOGMCX2f2nqbahOEo"
    b"Pgwakppknow1vc9X4w2p2M/8nGp/DuT6IZH5gc5yql0BMTgVOKdd5J3wb8wfByLXa1xrvYZ6MPXCGAJskhZBwyMyh5"
    b"8KlB9tCiLccxXL6/6mA8nwWWDA9dljo0wPNIdVl6sS/l+T61ICHR5fASm3nduOrvKPlAt0do7pJ50QQJDnvZn41jay"
    b"5rCgso9iXDLG8xq1njRWINLOy8XAJOsIxLeXnposjg4ZlVrGfsO53JASa4YMJzMlPGHKe4ew=="
)
# SHA256(file) itself under the padding, as most signing tools do: not the platform's form.
_HASHED_ONCE = binascii.a2b_base64(
    b"RN0D7+iIa6SViVaUseHXv3a2kpzm+9gub2+m30kjx7OiMrE+N3AWAR3qtz6xeyS0ZmjIE3qk+xv4Y/ZoHlUjj7bgLx"
    b"U29IW7e1zoBSjYlux4A+dlCJX8VM6boYtvnVdPLXZpvKQjnh6snQS/rUAhzd2Izq88NWtUP5rRBfc4lyuR8lKtYn01"
    b"H9gprzqBzLK7MS0y1dbePg2SPNz8eeL0pNYK44cAWEUPwqTxH20PykcasRb4VlGTK0b91CssXy47gYYqcSdxT0CEZl"
    b"3KWfJj26srHSjX9G31XYFIISnFIrQc9c990zqPOTuUpwnxctNV5Xzg8jnizWRIGgWgGqa++g=="
)


def _key():
    return signature.load_key(_KEY)


def test_a_signed_digest_of_either_kind_is_recognised():
    assert signature.good(_key(), _OF_MD5, _MD5)
    assert signature.good(_key(), _OF_SHA256, _SHA256)


def test_a_signature_by_somebody_elses_key_is_not_taken():
    other = signature.load_key(_OTHER_KEY)
    assert not signature.good(other, _OF_MD5, _MD5)
    assert not signature.good(other, _OF_SHA256, _SHA256)


def test_a_signature_of_another_file_is_not_taken():
    assert not signature.good(_key(), _OF_SHA256, _MD5)
    assert not signature.good(_key(), _OF_MD5, _SHA256)
    changed = bytearray(_SHA256)
    changed[31] ^= 1
    assert not signature.good(_key(), _OF_SHA256, bytes(changed))


def test_a_signature_of_the_file_instead_of_its_digest_is_not_taken():
    assert not signature.good(_key(), _HASHED_ONCE, _SHA256)


def test_a_signature_with_any_bit_changed_is_not_taken():
    for i in range(0, 256, 17):
        changed = bytearray(_OF_MD5)
        changed[i] ^= 1 << (i & 7)
        assert not signature.good(_key(), bytes(changed), _MD5), i


def test_a_signature_of_another_length_is_not_taken():
    for wrong in (b"", _OF_MD5[:255], _OF_MD5 + b"\0", b"\0" + _OF_MD5, _OF_MD5[1:], bytes(4096)):
        assert not signature.good(_key(), wrong, _MD5), len(wrong)


def test_a_number_as_large_as_the_key_is_no_signature():
    n = _key()
    for s in (n, n + 1, (1 << 2048) - 1, 0, 1, n - 1):
        assert not signature.good(n, s.to_bytes(256, "big"), _MD5)


def test_a_key_is_taken_in_every_form_a_tool_exports():
    n = _key()
    for form in (_PKCS1, _PEM, _PEM.replace("\n", "\r\n"), _PKCS1_PEM, bytearray(_KEY)):
        assert signature.load_key(form) == n, form


def _refusal(key):
    try:
        signature.load_key(key)
    except ValueError as e:
        return str(e)
    raise AssertionError("taken as a key")


def test_a_key_that_cannot_be_the_right_one_is_named():
    assert "exponent 65537" in _refusal(_EXPONENT_3)
    assert "2048 bits" in _refusal(_BITS_1024)
    assert "RSA" in _refusal(_EC_KEY)
    assert "public one" in _refusal(_PRIVATE)
    assert "PEM" in _refusal("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert "PEM" in _refusal(_PEM[:200])
    assert "PEM" in _refusal(_PEM.replace("MII", "***"))
    assert "damaged" in _refusal(_KEY + b"\0")


def test_every_cut_of_a_key_is_refused_and_nothing_else_happens():
    for form, head in ((_KEY, 33), (_PKCS1, 9)):
        for size in range(0, len(form)):
            assert "sign_key" in _refusal(form[:size]), size
        for i in range(head):
            for value in (0, 0x30, 0x80, 0x84, 0xFF):
                changed = bytearray(form)
                if changed[i] != value:
                    changed[i] = value
                    assert "sign_key" in _refusal(changed), (i, value)


def _files(*signatures):
    return [
        File(272, "sha256", _SHA256, "https://x/", name="part%d" % i, signature=signatures[i])
        for i in range(len(signatures))
    ]


def _said(files):
    try:
        signature.check(_key(), files)
    except AlinkError as e:
        assert e.code == errors.SIGNATURE and e.step == -3, e
        return e.detail
    return None


def test_every_file_of_a_package_has_to_be_signed():
    assert _said(_files(_OF_SHA256)) is None
    assert _said(_files(_OF_SHA256, _OF_SHA256)) is None
    assert _said(_files(_OF_SHA256, None)) == "missing part1"
    assert _said(_files(_OF_MD5, _OF_SHA256)) == "wrong part0"
    assert _said(_files(b"")) == "wrong part0"  # there, but unreadable


def test_a_check_is_short_enough_for_one_poll():
    n = _key()
    start = time.ticks_us()
    for _ in range(10):
        assert signature.good(n, _OF_MD5, _MD5)
    took = time.ticks_diff(time.ticks_us(), start) // 10
    print("a check takes", took, "us")
    assert took < 2000000
