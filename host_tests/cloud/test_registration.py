"""Dynamic registration at the stand-in: who gets a secret, and who is refused."""

from __future__ import annotations

import json
import ssl
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from host_tests.kit.raw_mqtt import DN, PK, SECRET, UPGRADE, RawDevice, hmac_hex
from tools.cloud import LocalCloud
from tools.cloud.__main__ import main

PRODUCT_SECRET = "PsExample0123456"


def prepare(cloud: LocalCloud) -> None:
    cloud.add_product(PK, PRODUCT_SECRET)
    cloud.add_device(PK, DN, SECRET)


def asking(
    kind: str = "register",
    *,
    secret: str = PRODUCT_SECRET,
    pk: str = PK,
    dn: str = DN,
    random: str = "8Ygb7ULY",
    mode: str = "2",
) -> dict[str, Any]:
    """What a CONNECT that registers has in it."""
    content = f"deviceName{dn}productKey{pk}random{random}"
    return {
        "client_id": f"{dn}.{pk}|random={random},authType={kind},securemode={mode},"
        "signmethod=hmacsha256|",
        "user_name": f"{dn}&{pk}",
        "password": hmac_hex("hmacsha256", secret, content),
    }


def register(cloud: LocalCloud, **fields: Any) -> dict[str, str]:
    """Register; the answer, which comes without a SUBSCRIBE."""
    kind = fields.get("kind", "register")
    with RawDevice(cloud, tls=True) as device:
        assert device.connect(**asking(**fields)) == 0
        topic, payload = device.message()
        assert topic == f"/ext/{kind}"
        device.send(b"\xe0\0")
        assert device.is_closed()
    answer: dict[str, str] = json.loads(payload)
    return answer


def refusal(cloud: LocalCloud, *, tls: bool = True, **fields: Any) -> tuple[int, str]:
    """The CONNACK's code, and what the console says."""
    with RawDevice(cloud, tls=tls) as device:
        code = device.connect(**asking(**fields))
        assert device.is_closed()
    return code, cloud.notes[-1].text


def by_token(answer: dict[str, str], **changes: str) -> dict[str, Any]:
    """What a CONNECT with a device token has in it."""
    fields = {**answer, **changes}
    return {
        "client_id": fields["clientId"] + "|authType=connwl,securemode=-2|",
        "user_name": f"{fields['deviceName']}&{fields['productKey']}",
        "password": fields["deviceToken"],
    }


def test_the_reference_vector_is_what_a_device_has_to_send() -> None:
    # Computed from the C SDK's form for the running example.
    wanted = "8327f820abfba8eaad97240f9b879891c2c2659ee74a3e841fdcf992dc422776"
    assert asking()["password"] == wanted


def test_a_listed_device_gets_its_secret_and_signs_in_with_it(cloud: LocalCloud) -> None:
    assert register(cloud) == {"productKey": PK, "deviceName": DN, "deviceSecret": SECRET}
    assert not cloud.online(PK, DN), "a registration is no session"
    # It may ask again until it has used it: its power may have been cut.
    assert register(cloud, random="another")["deviceSecret"] == SECRET
    with RawDevice(cloud, tls=True) as device:
        assert device.connect() == 0
        assert device.subscribe(UPGRADE) == [0]
    code, why = refusal(cloud)
    assert code == 4
    assert "in use already" in why


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"secret": "wrong"}, "wrong password"),
    ({"dn": "stranger"}, "no such device"),
    ({"pk": "strange"}, "no such product"),
    ({"pk": "strange", "kind": "regnwl"}, "no such product"),
    ({"secret": "wrong", "kind": "regnwl"}, "wrong password"),
    ({"mode": "3"}, "securemode"),
    ({"random": ""}, "without random"),
    ({"kind": "connwl"}, "securemode"),
    ({"kind": "id2"}, "unknown authType"),
    ({"tls": False}, "use TLS"),
]


@pytest.mark.parametrize(("fields", "why"), REFUSALS, ids=[str(r[0]) for r in REFUSALS])
def test_who_may_not_register_gets_no_secret(
    cloud: LocalCloud, fields: dict[str, Any], why: str
) -> None:
    code, said = refusal(cloud, **fields)
    assert code in (2, 4)
    assert why in said
    assert PRODUCT_SECRET not in repr(cloud.notes)
    assert cloud.messages == []


def test_registration_can_be_switched_off_and_on(cloud: LocalCloud) -> None:
    cloud.add_product(PK, registration=False)
    for kind in ("register", "regnwl"):
        code, why = refusal(cloud, kind=kind)
        assert code == 4
        assert "off for this product" in why
    assert cloud.add_product(PK) == PRODUCT_SECRET, "the secret changed"
    assert register(cloud)["deviceSecret"] == SECRET


def test_a_device_that_is_not_listed_signs_in_with_a_token(cloud: LocalCloud) -> None:
    answer = register(cloud, kind="regnwl", dn="newcomer")
    assert set(answer) == {"productKey", "deviceName", "clientId", "deviceToken"}
    with RawDevice(cloud, tls=True) as device:
        assert device.connect(**by_token(answer)) == 0
        assert device.subscribe(f"/ota/device/upgrade/{PK}/newcomer") == [0]
        assert cloud.online(PK, "newcomer")
        assert "TLS, device token, keep alive" in cloud.notes[-1].text
    # It is a device like any other now.
    cloud.add_release(PK, "1.1.0", b"image")
    assert cloud.push(PK, "newcomer", "1.1.0").state == "QUEUED"
    for changes in ({"deviceToken": "0" * 32}, {"clientId": "x"}, {"deviceName": DN}):
        with RawDevice(cloud, tls=True) as device:
            assert device.connect(**by_token(answer, **changes)) == 4
    with RawDevice(cloud) as device:
        assert device.connect(**by_token(answer)) == 2, "a token went over the plain port"


def test_one_name_is_good_for_five_devices(cloud: LocalCloud) -> None:
    cloud.faults.connects_per_minute = None
    tokens = {register(cloud, kind="regnwl", dn="many")["deviceToken"] for _ in range(5)}
    assert len(tokens) == 5
    code, why = refusal(cloud, kind="regnwl", dn="many")
    assert code == 4
    assert "5 devices" in why


@pytest.mark.parametrize(("dn", "kind"), [(DN, "register"), ("newcomer", "regnwl")])
def test_a_registration_counts_as_a_connect(cloud: LocalCloud, dn: str, kind: str) -> None:
    for _ in range(5):
        register(cloud, kind=kind, dn=dn)
    assert cloud.violations == []
    with RawDevice(cloud, tls=True) as device, pytest.raises(EOFError):
        device.connect(**asking(kind, dn=dn))
    assert [v.rule for v in cloud.violations] == ["connect rate"]


def test_nothing_but_a_good_bye_follows_a_registration(cloud: LocalCloud) -> None:
    with RawDevice(cloud, tls=True) as device:
        assert device.connect(**asking()) == 0
        device.message()
        device.publish(f"/ota/device/inform/{PK}/{DN}", b"{}")
        assert device.is_closed()
    with RawDevice(cloud, tls=True) as device:
        assert device.connect(**asking()) == 0
        device.message()
        cloud.advance(11)
        assert device.is_closed(), "it may stay for ever"


def over_https(cloud: LocalCloud, *, tls: bool = True, **changes: Any) -> dict[str, Any]:
    """Register as devices without MQTT do; the answer."""
    form = {
        "productKey": PK,
        "deviceName": DN,
        "random": "8Ygb7ULY",
        "signMethod": "hmacsha256",
        "sign": asking()["password"],
        **changes,
    }
    port = cloud.https_port if tls else cloud.http_port
    request = urllib.request.Request(
        f"{'https' if tls else 'http'}://127.0.0.1:{port}/auth/register/device",
        urlencode(form).encode(),
    )
    context = ssl.create_default_context(cadata=cloud.ca_der) if tls else None
    with urllib.request.urlopen(request, timeout=15, context=context) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def test_a_listed_device_gets_its_secret_over_https(cloud: LocalCloud) -> None:
    wanted = {"productKey": PK, "deviceName": DN, "deviceSecret": SECRET}
    assert over_https(cloud) == {"code": 200, "data": wanted, "message": "success"}
    md5 = hmac_hex("hmacmd5", PRODUCT_SECRET, f"deviceName{DN}productKey{PK}random8Ygb7ULY")
    assert over_https(cloud, signMethod="HmacMD5", sign=md5)["data"] == wanted
    with RawDevice(cloud, tls=True) as device:
        assert device.connect() == 0
    assert over_https(cloud)["code"] == 401
    assert "in use already" in cloud.notes[-1].text
    assert SECRET not in repr((cloud.notes, cloud.messages))


@pytest.mark.parametrize(
    ("changes", "code", "why"),
    [
        ({"sign": "0" * 64}, 401, "wrong password"),
        ({"sign": "no digest"}, 460, "hex"),
        ({"deviceName": "stranger"}, 401, "wrong password"),
        ({"productKey": "strange"}, 401, "no such product"),
        ({"random": ""}, 460, "without random"),
        ({"signMethod": "rot13"}, 460, "signMethod"),
        ({"extra": "x" * 9000}, 460, "too large"),
    ],
)
def test_who_may_not_register_gets_no_secret_over_https_either(
    cloud: LocalCloud, changes: dict[str, Any], code: int, why: str
) -> None:
    answer = over_https(cloud, **changes)
    assert (answer["code"], set(answer)) == (code, {"code", "message"})
    assert why in cloud.notes[-1].text


def test_no_secret_goes_out_without_tls(cloud: LocalCloud) -> None:
    assert over_https(cloud, tls=False)["code"] == 460
    assert "without TLS" in cloud.notes[-1].text


def test_secrets_are_on_no_record(cloud: LocalCloud) -> None:
    answer = register(cloud, kind="regnwl", dn="newcomer")
    register(cloud)
    everything = repr((cloud.notes, cloud.messages, cloud.violations))
    everything += "".join(f"{m} {m.payload!r}" for m in cloud.messages)
    for secret in (PRODUCT_SECRET, SECRET, answer["deviceToken"]):
        assert secret not in everything


def test_products_are_made_by_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--folder", str(tmp_path)]
    assert main(["product", "add", PK, "--secret", PRODUCT_SECRET, *folder]) == 0
    assert PRODUCT_SECRET in capsys.readouterr().out
    assert main(["device", "add", PK, DN, *folder]) == 0
    with LocalCloud(tmp_path) as cloud:
        assert register(cloud)["deviceName"] == DN
    assert main(["product", "add", PK, "--registration", "off", *folder]) == 0
    with LocalCloud(tmp_path) as cloud:
        assert refusal(cloud)[0] == 4
    assert main(["product", "add", "a/b", *folder]) == 1
    assert "letters and digits" in capsys.readouterr().err
