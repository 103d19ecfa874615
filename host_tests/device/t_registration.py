# What a board takes for its new identity, and what it does not. MIT licence.

import json
import time

from alink import Device, backoff, device
from alink.signin import registration

_PK = "a1B2c3D4e5F"
_DN = "greenhouse_07"


def test_a_registration_is_signed_with_the_products_secret():
    # Computed from the C SDK's form for the running example.
    client_id, user, password = registration.sign(_PK, _DN, "PsExample0123456", "8Ygb7ULY")
    assert client_id == (
        "greenhouse_07.a1B2c3D4e5F|random=8Ygb7ULY,authType=register,securemode=2,"
        "signmethod=hmacsha256|"
    ), client_id
    assert user == "greenhouse_07&a1B2c3D4e5F"
    wanted = "8327f820abfba8eaad97240f9b879891c2c2659ee74a3e841fdcf992dc422776"
    assert password == wanted, password


def test_a_registration_says_how_it_is_listed_and_whose_instance_it_wants():
    client_id, _, password = registration.sign(
        _PK, _DN, "PsExample0123456", "8Ygb7ULY", listed=False, instance="iot-0123abcd"
    )
    assert "authType=regnwl,securemode=2" in client_id, client_id
    assert client_id.endswith(",instanceId=iot-0123abcd|"), client_id
    wanted = "8327f820abfba8eaad97240f9b879891c2c2659ee74a3e841fdcf992dc422776"
    assert password == wanted, "neither of them is signed"


def _read(listed=True, **data):
    names = {"productKey": _PK, "deviceName": _DN}
    names.update(data)
    return registration._read(json.dumps(names).encode(), _PK, _DN, listed)


def test_both_flavours_give_what_the_board_signs_in_with():
    assert _read(deviceSecret="0123") == {"device_secret": "0123"}
    got = _read(False, clientId="c1", deviceToken="t1")
    assert got == {"client_id": "c1", "device_token": "t1"}, got


def test_an_answer_of_which_a_part_is_missing_or_odd_is_not_taken():
    for secret in (None, "", " a", "a\n", 7, ["a"], "x" * 257):
        assert _read(deviceSecret=secret) is None, secret
        assert _read(False, clientId="c", deviceToken=secret) is None, secret
    for client_id in (None, "", "a|b", "x" * 65, 7):
        assert _read(False, clientId=client_id, deviceToken="t") is None, client_id
    assert _read(False, deviceSecret="s") is None
    assert _read(True, clientId="c", deviceToken="t") is None


def test_an_answer_for_another_device_is_not_taken():
    assert _read(deviceSecret="s", deviceName="greenhouse_08") is None
    assert _read(deviceSecret="s", productKey="other") is None
    assert _read(deviceSecret="s", productKey=None) is None


def test_what_is_no_answer_at_all_is_not_taken():
    for payload in (b"", b"{", b"[]", b"7", b"null", b"\xff\xfe", b"[" * 1024, b'{"a":' * 200):
        assert registration._read(payload, _PK, _DN, True) is None, payload


def test_an_instance_of_ones_own_is_named_by_its_endpoint():
    own = registration._instance("iot-0123abcd.mqtt.iothub.aliyuncs.com")
    assert own == "iot-0123abcd", own
    assert registration._instance(_PK + ".iot-as-mqtt.cn-shanghai.aliyuncs.com") is None
    assert registration._instance("127.0.0.1") is None


def test_a_token_never_goes_over_a_plain_connection():
    Device(_PK, _DN, None, "h", device_token="t", client_id="c")
    try:
        Device(_PK, _DN, None, "h", device_token="t", client_id="c", secure=False)
    except ValueError as exc:
        assert "TLS" in str(exc), exc
    else:
        raise AssertionError("accepted")


def test_registrations_count_for_the_sign_ins_that_follow():
    # The platform takes five CONNECTs a minute and does not care what they are for.
    pace = registration._Pace(None)
    for _ in range(4):
        pace._starts.append(time.ticks_ms())
    second = Device(_PK, _DN, "s", "h")
    assert backoff.wait_ms(second) == 0
    second._starts.append(time.ticks_ms())
    assert 50000 < backoff.wait_ms(second) <= 60001, backoff.wait_ms(second)
    assert len(device.attempts) == 4


def test_the_products_secret_is_not_in_the_words_about_a_damaged_one():
    try:
        registration.sign(_PK, _DN, "PsExample0123456\n", "r")
    except ValueError as exc:
        assert "PsExample" not in str(exc), exc
    else:
        raise AssertionError("accepted")
