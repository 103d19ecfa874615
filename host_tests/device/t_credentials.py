# The sign-in must be the platform's own, byte for byte. MIT licence.

from alink.signin import credentials

_PK = "a1B2c3D4e5F"
_DN = "greenhouse_07"
_SECRET = "0123456789abcdef0123456789abcdef"


def _password(method, **more):
    return credentials.sign(_PK, _DN, _SECRET, sign_method=method, **more)[2]


def test_the_published_example_signs_as_published():
    # "Establish MQTT connections over TCP" (73742), with the page's own password for hmacsha1.
    published = {
        "hmacsha1": "FAFD82A3D602B37FB0FA8B7892F24A477F851A14",
        "hmacmd5": "14B198324FE55E1D3C88F2E705E201EE",
        "hmacsha256": "6074A46A91B1EBB2CC4EA42790AD0E80202C9843859FC292E57C4EB19FAD9E57",
    }
    for method, wanted in published.items():
        client_id, user, password = credentials.sign(
            "pk",
            "device",
            "secret",
            client_id="12345",
            sign_method=method,
            timestamp="789",
            secure=False,
        )
        assert client_id == "12345|securemode=3,signmethod=%s,timestamp=789|" % method, client_id
        assert user == "device&pk", user
        assert password == wanted.lower(), (method, password)


def test_every_sign_method_signs_in_with_a_timestamp():
    wanted = {
        "hmacmd5": "b2f82480f601022026161f47476bc85e",
        "hmacsha1": "df02e2bfc12966a13e0d4b2f4509eddcc3aaace0",
        "hmacsha256": "700f38dbcacd495de0b42a076d76e213aeb0f3e0f1c72bdd84ca07054bcb85c6",
    }
    for method, password in wanted.items():
        got = _password(method, client_id="node-07", timestamp="1700000000000")
        assert got == password, (method, got)


def test_every_sign_method_signs_in_without_a_timestamp():
    wanted = {
        "hmacmd5": "184030ea489ebc5768bbea8f8e67214b",
        "hmacsha1": "6591dba9926171657fd800486f8bbcf363314958",
        "hmacsha256": "7416833429f5261fb704749100402871e1d485298fe542fefc672e0721ff85af",
    }
    for method, password in wanted.items():
        client_id, _, got = credentials.sign(
            _PK, _DN, _SECRET, client_id="node-07", sign_method=method, timestamp=None
        )
        assert got == password, (method, got)
        assert "timestamp" not in client_id, client_id


def test_the_defaults_are_those_of_the_reference_sdk():
    client_id, user, password = credentials.sign(_PK, _DN, _SECRET)
    assert client_id == (
        "a1B2c3D4e5F.greenhouse_07|securemode=2,signmethod=hmacsha256,timestamp=2524608000000|"
    ), client_id
    assert user == "greenhouse_07&a1B2c3D4e5F"
    wanted = "2C85581E2286B9BAF546CF63E80738DDEF4D441D27B1F717CC3BF1F371190F10"
    assert password == wanted.lower(), password


def test_the_python_sdk_convention_signs_in_too():
    got = _password("hmacsha1", client_id=_PK + "&" + _DN, timestamp=1700000000)
    assert got == "0f3cd298c2d9611cb0b219f13c7695771e074d27", got


def test_a_secret_longer_than_a_hash_block_is_hashed_first():
    # RFC 4231, test case 6, and RFC 2202, test case 6.
    text = b"Test Using Larger Than Block-Size Key - Hash Key First"
    got = credentials.hmac_hex("hmacsha256", b"\xaa" * 131, text)
    assert got == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", got
    got = credentials.hmac_hex("hmacmd5", b"\xaa" * 80, text)
    assert got == "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd", got


def _refused(**changed):
    names = {"product_key": _PK, "device_name": _DN, "device_secret": _SECRET}
    names.update(changed)
    try:
        credentials.sign(**names)
    except ValueError as exc:
        return str(exc)
    raise AssertionError("accepted: " + ", ".join(changed))


def test_a_missing_or_damaged_setting_is_named_and_the_secret_is_not_shown():
    for name in ("product_key", "device_name", "device_secret", "client_id"):
        assert name in _refused(**{name: ""})
        assert name in _refused(**{name: b"bytes"})
    text = _refused(device_secret=_SECRET + "\n")
    assert "device_secret" in text, text
    assert _SECRET not in text, text
    assert "client_id" in _refused(client_id="x" * 65)
    assert "client_id" in _refused(client_id="a|b")
    text = _refused(sign_method="md5")
    assert "hmacsha256" in text, text
    assert _SECRET not in text, text


def test_a_token_is_the_password_under_its_own_client_id():
    got = credentials.by_token(_PK, _DN, "0a1b2c3d", "TokenExample")
    assert got == (
        "0a1b2c3d|authType=connwl,securemode=-2|",
        "greenhouse_07&a1B2c3D4e5F",
        "TokenExample",
    ), got


def test_no_secret_is_in_the_words_about_a_damaged_one():
    for act in (
        lambda: credentials.by_token(_PK, _DN, "c", _SECRET + " "),
        lambda: credentials.by_token(_PK, _DN, "c|d", _SECRET),
    ):
        try:
            act()
        except ValueError as exc:
            assert _SECRET not in str(exc), exc
        else:
            raise AssertionError("accepted")
