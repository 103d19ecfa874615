"""Signing in to the stand-in: what the platform accepts, and what it refuses and why."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit.raw_mqtt import (
    DN,
    PK,
    PROGRESS,
    SECRET,
    UPGRADE,
    RawDevice,
    connect_packet,
    hmac_hex,
    text,
)
from tools.cloud import LocalCloud


def sign_in(cloud: LocalCloud, *, tls: bool = False, **fields: Any) -> int:
    """The CONNACK's code; a refused connection has to be closed as well."""
    with RawDevice(cloud, tls=tls) as device:
        code = device.connect(**fields)
        if code:
            assert device.is_closed()
        return code


# The published example of "Establish MQTT connections over TCP" (sha1) and vectors computed with
# CPython's hmac: (product key, device name, secret, cid, timestamp, method, password).
VECTORS = [
    ("pk", "device", "secret", "12345", "789", "hmacsha1",
     "FAFD82A3D602B37FB0FA8B7892F24A477F851A14"),
    ("pk", "device", "secret", "12345", "789", "hmacmd5", "14B198324FE55E1D3C88F2E705E201EE"),
    ("pk", "device", "secret", "12345", "789", "hmacsha256",
     "6074A46A91B1EBB2CC4EA42790AD0E80202C9843859FC292E57C4EB19FAD9E57"),
    (PK, DN, SECRET, "node-07", "1700000000000", "hmacmd5", "b2f82480f601022026161f47476bc85e"),
    (PK, DN, SECRET, "node-07", "1700000000000", "hmacsha1",
     "df02e2bfc12966a13e0d4b2f4509eddcc3aaace0"),
    (PK, DN, SECRET, "node-07", "1700000000000", "hmacsha256",
     "700f38dbcacd495de0b42a076d76e213aeb0f3e0f1c72bdd84ca07054bcb85c6"),
    (PK, DN, SECRET, "node-07", None, "hmacmd5", "184030ea489ebc5768bbea8f8e67214b"),
    (PK, DN, SECRET, "node-07", None, "hmacsha1", "6591dba9926171657fd800486f8bbcf363314958"),
    (PK, DN, SECRET, "node-07", None, "hmacsha256",
     "7416833429f5261fb704749100402871e1d485298fe542fefc672e0721ff85af"),
    (PK, DN, SECRET, f"{PK}.{DN}", "2524608000000", "hmacsha256",
     "2C85581E2286B9BAF546CF63E80738DDEF4D441D27B1F717CC3BF1F371190F10"),
    (PK, DN, SECRET, f"{PK}&{DN}", "1700000000", "hmacsha1",
     "0f3cd298c2d9611cb0b219f13c7695771e074d27"),
]  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v[3]}-{v[4]}-{v[5]}")
def test_every_known_password_signs_in_and_none_of_its_neighbours(
    tmp_path: Path, vector: tuple[str, str, str, str, str | None, str, str]
) -> None:
    pk, dn, secret, cid, timestamp, method, password = vector
    with LocalCloud(tmp_path) as cloud:
        cloud.faults.connects_per_minute = None
        cloud.add_device(pk, dn, secret)
        fields: dict[str, Any] = {
            "pk": pk, "dn": dn, "cid": cid, "timestamp": timestamp, "method": method,
        }  # fmt: skip
        assert sign_in(cloud, password=password, **fields) == 0
        assert sign_in(cloud, password=password.swapcase(), **fields) == 0
        wrong = password[:-1] + ("0" if password[-1] != "0" else "1")
        assert sign_in(cloud, password=wrong, **fields) == 4
        # The timestamp is signed if, and only if, it was submitted.
        fields["timestamp"] = "1" if timestamp is None else None
        assert sign_in(cloud, password=password, **fields) == 4


def test_the_raw_device_sends_the_very_bytes_the_reference_does() -> None:
    # Vector B as a whole packet, parameters in the order securemode, signmethod, timestamp.
    data = connect_packet()
    assert len(data) == 175
    assert data[:16] == bytes.fromhex("10AC0100044D51545404C2012C00436E")
    digest = "0d17d24fb39f6cae3aa49aeaf62815802b6fc6628187c4d0c2eaf0ad48e3b43b"
    assert hashlib.sha256(data).hexdigest() == digest


def test_the_sign_method_is_hmacmd5_when_none_is_named(cloud: LocalCloud) -> None:
    password = hmac_hex("hmacmd5", SECRET, f"clientIdxdeviceName{DN}productKey{PK}")
    assert sign_in(cloud, client_id="x|securemode=3|", password=password) == 0


def test_the_parameter_list_may_be_in_any_order_with_unknown_and_empty_items(
    cloud: LocalCloud,
) -> None:
    # As the C SDK writes it: tags of its own, and doubled commas.
    client_id = (
        f"{PK}.{DN}|timestamp=2524608000000,_ss=1,_v=sdk-c-4.1.0,,signmethod=hmacsha256,"
        "ext=3,,securemode=3,_conn=tcp_1a2b|"
    )
    content = f"clientId{PK}.{DN}deviceName{DN}productKey{PK}timestamp2524608000000"
    password = hmac_hex("hmacsha256", SECRET, content).upper()
    assert sign_in(cloud, client_id=client_id, password=password) == 0


REFUSALS: list[tuple[str, int, dict[str, Any]]] = [
    ("keep alive 0, umqtt's default", 2, {"keepalive": 0}),
    ("keep alive 29 s", 2, {"keepalive": 29}),
    ("keep alive 1201 s", 2, {"keepalive": 1201}),
    ("securemode 2 on the plain port", 2, {"mode": 2}),
    ("no bars", 2, {"client_id": "node-07"}),
    ("one bar", 2, {"client_id": "node-07|securemode=3"}),
    ("text behind the bars", 2, {"client_id": "node-07|securemode=3|x"}),
    ("no securemode", 2, {"client_id": "node-07|signmethod=hmacsha256|"}),
    ("an unknown signmethod", 2, {"client_id": "x|securemode=3,signmethod=sha256|"}),
    ("an empty client id", 2, {"cid": ""}),
    ("a client id of 65 characters", 2, {"cid": "x" * 65}),
    ("a will", 2, {"flags": 0xC6, "will": text("t") + text("m")}),
    ("MQTT 5", 1, {"level": 5}),
    ("a user name without &", 4, {"user_name": DN + PK}),
    ("a user name without a device", 4, {"user_name": "&" + PK}),
    ("a password that is not hex", 4, {"password": "z" * 64}),
    ("a password of another method's length", 4, {"password": "0" * 32}),
    ("another device's secret", 4, {"secret": SECRET[::-1]}),
    ("an unknown device", 4, {"dn": "stranger"}),
    ("an unknown product", 4, {"pk": "strange"}),
]


@pytest.mark.parametrize(("why", "code", "fields"), REFUSALS, ids=[r[0] for r in REFUSALS])
def test_what_the_platform_refuses_is_refused_here_too(
    cloud: LocalCloud, why: str, code: int, fields: dict[str, Any]
) -> None:
    assert sign_in(cloud, **fields) == code
    # The console says why; it never shows what was signed with.
    note = cloud.notes[-1]
    assert note.kind == "refused"
    assert f"CONNACK {code}" in note.text
    assert SECRET not in repr(cloud.notes)
    # A refused device has no session.
    assert not cloud.online(PK, DN)


def test_keep_alive_of_30_and_of_1200_seconds_is_accepted(cloud: LocalCloud) -> None:
    assert sign_in(cloud, keepalive=30) == 0
    assert sign_in(cloud, keepalive=1200) == 0


def test_mqtt_3_1_is_accepted(cloud: LocalCloud) -> None:
    assert sign_in(cloud, level=3, name="MQIsdp") == 0


def test_over_tls_securemode_has_to_be_2(cloud: LocalCloud) -> None:
    assert sign_in(cloud, tls=True) == 0
    assert sign_in(cloud, tls=True, mode=3) == 2


def test_a_wrong_secret_can_be_5_instead_of_4(cloud: LocalCloud) -> None:
    cloud.dialect.wrong_secret_code = 5
    assert sign_in(cloud, secret="wrong") == 5
    assert sign_in(cloud, dn="stranger") == 5


def test_a_code_can_be_forced_to_try_a_device(cloud: LocalCloud) -> None:
    cloud.faults.connack_code = 3
    assert sign_in(cloud) == 3


def test_a_second_sign_in_evicts_the_first(cloud: LocalCloud) -> None:
    with RawDevice(cloud) as first, RawDevice(cloud) as second:
        assert first.connect() == 0
        assert second.connect(cid="another") == 0
        assert first.is_closed()
        # The eviction must not take the new session along.
        second.ping()
        assert cloud.online(PK, DN)


def test_two_devices_do_not_evict_each_other(cloud: LocalCloud) -> None:
    cloud.add_device(PK, "other", "s2")
    with RawDevice(cloud) as first, RawDevice(cloud) as second:
        assert first.connect() == 0
        assert second.connect(dn="other", secret="s2") == 0
        first.ping()
        second.ping()


def test_a_sixth_connect_within_a_minute_is_a_violation(cloud: LocalCloud) -> None:
    for _ in range(5):
        assert sign_in(cloud) == 0
    assert cloud.violations == []
    with RawDevice(cloud) as device:
        device.send(connect_packet())
        assert device.is_closed()
    assert [v.rule for v in cloud.violations] == ["connect rate"]
    cloud.advance(61)
    assert sign_in(cloud) == 0


def test_the_connect_limit_can_be_taken_away(cloud: LocalCloud) -> None:
    cloud.faults.connects_per_minute = None
    for _ in range(8):
        assert sign_in(cloud) == 0
    assert cloud.violations == []


def test_silence_of_one_and_a_half_keep_alives_ends_the_session(cloud: LocalCloud) -> None:
    with RawDevice(cloud) as device:
        assert device.connect(keepalive=30) == 0
        cloud.advance(40)
        device.ping()
        cloud.advance(40)
        device.ping()
        cloud.advance(46)
        assert device.is_closed()
    cloud.wait_for(lambda: not cloud.online(PK, DN), what="the session's end")


def test_a_publish_keeps_a_session_alive_like_a_ping(cloud: LocalCloud) -> None:
    with RawDevice(cloud) as device:
        assert device.connect(keepalive=30) == 0
        for count in range(1, 4):
            cloud.advance(40)
            device.publish(f"/{PK}/{DN}/user/x", b"alive", qos=1)
            device.receive()
            assert len(cloud.messages) == count
        device.ping()


def test_a_connection_without_a_connect_is_closed(cloud: LocalCloud) -> None:
    with RawDevice(cloud) as device:
        device.send(b"\x10\x20")
        cloud.wait_for(lambda: cloud.connections == 1, what="the connection")
        cloud.advance(11)
        assert device.is_closed()


def test_auto_subscription_comes_with_ss_1_only(cloud: LocalCloud) -> None:
    cloud.add_release(PK, "1.1.0", b"image")
    cloud.push(PK, DN, "1.1.0", force=True)
    with RawDevice(cloud) as device:
        assert device.connect(extra=",_ss=1") == 0
        assert device.push()["data"]["version"] == "1.1.0"
    with RawDevice(cloud) as device:
        assert device.connect() == 0
        assert device.is_silent()
        assert device.subscribe(UPGRADE) == [0]
        assert device.push()["data"]["version"] == "1.1.0"


def test_the_secret_is_in_no_repr_and_no_note(cloud: LocalCloud) -> None:
    device = cloud.add_device(PK, "secretive")
    assert device.secret not in repr(device)
    assert sign_in(cloud, dn="secretive", secret=device.secret) == 0
    everything = repr((cloud.notes, cloud.messages, cloud.violations, cloud.faults, cloud))
    assert device.secret not in everything


def test_a_good_secret_works_after_a_restart_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    with LocalCloud(tmp_path) as cloud:
        secret = cloud.add_device(PK, DN).secret
        ca = cloud.ca_der
    with LocalCloud(tmp_path) as cloud:
        assert sign_in(cloud, secret=secret, tls=True) == 0
        assert sign_in(cloud, secret="x") == 4
        # A board that was given the authority goes on trusting it.
        assert cloud.ca_der == ca


def test_progress_before_signing_in_is_not_taken(cloud: LocalCloud) -> None:
    with RawDevice(cloud) as device:
        device.publish(PROGRESS, b"{}")
        assert device.is_closed()
    assert cloud.messages == []
